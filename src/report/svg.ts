/** A child of an element: markup already made; undefined and false are left out. */
export type SvgChild = string | undefined | false;

/** Attribute values; numbers are rounded to hundredths, undefined ones left out. */
export type SvgAttributes = Readonly<Record<string, string | number | undefined>>;

/** Series colours, legible on white and on black. */
export const PALETTE = ["#2f7fd1", "#d5662a", "#1f9e77", "#c765a8", "#c79100", "#57a9d6"] as const;

/** Text with the five characters of markup escaped; what XML forbids even escaped becomes U+FFFD. */
export function escapeMarkup(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/(?![\t\n\r])\p{Cc}|[\p{Cs}\ufffe\uffff]/gu, "\ufffd").replace(/[&<>"']/g, (c) => entities[c]!);
}

/** One element; attributes are escaped, children are markup. */
export function element(name: string, attributes: SvgAttributes, ...children: readonly SvgChild[]): string {
  const pairs = Object.entries(attributes).flatMap(([key, value]) => {
    return value === undefined
      ? []
      : [` ${key}="${typeof value === "number" ? hundredths(value) : escapeMarkup(value)}"`];
  });
  const inside = children.filter(Boolean).join("");
  return inside === "" ? `<${name}${pairs.join("")}/>` : `<${name}${pairs.join("")}>${inside}</${name}>`;
}

/** A coordinate: at most two decimals, never "-0". */
export function hundredths(value: number): string {
  return String(Math.round(value * 100) / 100 + 0);
}

/** A text element with escaped content; 12 px unless told. */
export function textAt(x: number, y: number, text: string, attributes: SvgAttributes = {}): string {
  return element("text", { x, y, ...attributes }, escapeMarkup(text));
}

/** What every figure shares. */
export interface FigureSize {
  readonly width: number;
  readonly height: number;
  readonly title: string;
}

/**
 * A whole figure: titled for screen readers, text in the current colour, on white when it stands alone (a page may
 * restyle `.figure` and `.ground`).
 */
export function figure({ width, height, title }: FigureSize, ...children: readonly SvgChild[]): string {
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    class: "figure",
    viewBox: `0 0 ${hundredths(width)} ${hundredths(height)}`,
    width,
    height,
    role: "img",
    color: "#1c2733",
    fill: "currentColor",
    "font-family": "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif",
    "font-size": 12,
  };
  return element(
    "svg",
    attributes,
    element("title", {}, escapeMarkup(title)),
    element("rect", { class: "ground", width, height, fill: "#ffffff" }),
    textAt(16, 24, title, { "font-size": 14, "font-weight": 600 }),
    ...children,
  );
}

/** Rough width of 12 px text in px, generous enough to reserve room. */
export function textWidthPx(text: string, fontSize = 12): number {
  return [...text].length * fontSize * 0.58;
}

/** Text cut to a number of characters with an ellipsis. */
export function shortened(text: string, most: number): string {
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`;
}
