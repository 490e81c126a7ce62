import type { ComponentChildren } from "preact";

// The little of Markdown that model cards use: headings, paragraphs, lists, tables, code, strong text, links. Everything
// becomes text nodes: nothing of a card is ever markup.

/** A model card, its YAML front matter left out. */
export function Markdown({ text }: { readonly text: string }) {
  const body = text.replace(/^---\n[\s\S]*?\n---\n/, "");
  const blocks = body.split(/(```[\s\S]*?```)|\n{2,}/).filter((block) => block?.trim());
  return <div class="markdown">{blocks.map((block) => blockOf(block!.trim()))}</div>;
}

function blockOf(block: string): ComponentChildren {
  const lines = block.split("\n");
  const heading = /^(#{1,6}) (.*)$/.exec(lines[0]!);
  if (heading) {
    const rest = lines.slice(1).join("\n").trim();
    const Head = heading[1]!.length < 3 ? ("h3" as const) : ("h4" as const);
    return (
      <>
        <Head>{inline(heading[2]!)}</Head>
        {rest && blockOf(rest)}
      </>
    );
  }
  if (block.startsWith("```")) return <pre>{lines.slice(1, -1).join("\n")}</pre>;
  if (lines.every((line) => line.startsWith("|"))) return tableOf(lines);
  if (/^[-*] /.test(block)) {
    const items = block.split(/\n(?=[-*] )/).map((item) => item.slice(2).replaceAll("\n", " "));
    return (
      <ul>
        {items.map((item) => (
          <li key={item}>{inline(item)}</li>
        ))}
      </ul>
    );
  }
  return <p>{inline(lines.join(" "))}</p>;
}

function tableOf([head, , ...rows]: string[]): ComponentChildren {
  const cells = (line: string) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((text) => inline(text.trim()));
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {cells(head!).map((text) => (
              <th scope="col">{text}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((line) => (
            <tr>
              {cells(line).map((text) => (
                <td>{text}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Code, strong text and links, of which those into the web can be followed; other marks stay as they are. */
function inline(text: string): ComponentChildren[] {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)\s]+\))/).map((part) => {
    const link = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(part);
    if (link && /^https?:/.test(link[2]!)) {
      return (
        <a href={link[2]} rel="noreferrer" target="_blank">
          {plain(link[1]!)}
        </a>
      );
    }
    if (link) return plain(link[1]!);
    if (/^`.+`$/.test(part)) return <code>{part.slice(1, -1)}</code>;
    if (/^\*\*.+\*\*$/.test(part)) return <strong>{plain(part.slice(2, -2))}</strong>;
    return plain(part);
  });
}

/** Text whose marks are escaped. */
const plain = (text: string) => text.replace(/\\([\\`*_[\]<>|#])/g, "$1");
