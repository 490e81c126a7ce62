import { useMemo, useState } from "preact/hooks";
import { percent, type Rule, scoreOf, words } from "./decision.ts";
import { download, toCsv, toJson } from "./export.ts";
import { answerOf, arrange, type Order, type Row } from "./rows.ts";
import { Verdict } from "./scores.tsx";

interface TableProps {
  readonly rows: readonly Row[];
  readonly labels: readonly string[];
  readonly rule: Rule;
  readonly chosen: number | undefined;
  readonly onChoose: (id: number) => void;
  readonly onClear: () => void;
}

const SHOWN = 200; // rows drawn at once: thousands of thumbnails would stop a phone

/** Many pictures: filter, sort, look at one, take the answers along. */
export function Table({ rows, labels, rule, chosen, onChoose, onClear }: TableProps) {
  const [filter, setFilter] = useState({ text: "", answer: "" });
  const [order, setOrder] = useState<Order>({ by: "added", falling: false });
  const [most, setMost] = useState(SHOWN);
  const found = useMemo(() => arrange(rows, filter, order, rule), [rows, filter, order, rule]);
  const answers = [...new Set(rows.map((row) => answerOf(row, rule)).filter(Boolean))].sort();
  const head = { order, onOrder: setOrder };
  return (
    <section class="card many" aria-label="All pictures">
      <div class="tools">
        <h2>
          {found.length === rows.length ? `${rows.length} pictures` : `${found.length} of ${rows.length} pictures`}
        </h2>
        <input
          type="search"
          placeholder="Filter by name"
          aria-label="Filter by name"
          value={filter.text}
          onInput={({ currentTarget }) => setFilter({ ...filter, text: currentTarget.value })}
        />
        <select
          aria-label="Filter by answer"
          value={filter.answer}
          onChange={({ currentTarget }) => setFilter({ ...filter, answer: currentTarget.value })}
        >
          <option value="">all answers</option>
          {answers.map((answer) => (
            <option key={answer} value={answer}>
              {words(answer)}
            </option>
          ))}
        </select>
      </div>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <td />
              <HeadCell by="name" text="Picture" {...head} />
              <HeadCell by="answer" text="Answer" {...head} />
              <HeadCell by="score" text={words(rule.label)} {...head} />
            </tr>
          </thead>
          <tbody>
            {found.slice(0, most).map((row) => (
              <TableRow key={row.id} row={row} rule={rule} isChosen={row.id === chosen} onChoose={onChoose} />
            ))}
          </tbody>
        </table>
        {found.length > most && <button onClick={() => setMost(most + SHOWN)}>Show more</button>}
      </div>
      <div class="buttons">
        <button onClick={() => download("answers.csv", "text/csv", toCsv(found, labels, rule))}>Export CSV</button>
        <button onClick={() => download("answers.json", "application/json", toJson(found, rule))}>Export JSON</button>
        <button class="quiet" onClick={onClear}>
          Remove all
        </button>
      </div>
    </section>
  );
}

interface HeadCellProps {
  readonly by: Order["by"];
  readonly text: string;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
}

/** A column's head: once rising, again falling. */
function HeadCell({ by, text, order, onOrder }: HeadCellProps) {
  const sorted = order.by === by;
  return (
    <th scope="col" aria-sort={sorted ? (order.falling ? "descending" : "ascending") : "none"}>
      <button onClick={() => onOrder({ by, falling: sorted && !order.falling })}>
        {text}
        <span aria-hidden="true">{sorted ? (order.falling ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}

interface TableRowProps {
  readonly row: Row;
  readonly rule: Rule;
  readonly isChosen: boolean;
  readonly onChoose: (id: number) => void;
}

const TableRow = ({ row, rule, isChosen, onChoose }: TableRowProps) => (
  <tr class={isChosen ? "chosen" : ""}>
    <td>{row.error === undefined && <img src={row.url} alt="" loading="lazy" width="44" height="44" />}</td>
    <th scope="row">
      <button aria-current={isChosen ? "true" : undefined} onClick={() => onChoose(row.id)}>
        {row.name}
      </button>
    </th>
    <td>
      {row.scores && <Verdict scores={row.scores} rule={rule} />}
      {row.error !== undefined && (
        <span class="verdict failed" title={row.error}>
          error
        </span>
      )}
    </td>
    <td class="number">{row.scores ? percent(scoreOf(row.scores, rule.label)) : ""}</td>
  </tr>
);
