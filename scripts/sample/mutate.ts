import { parseAst } from "vite";

/** Every small way in which a TypeScript file is changed for the sample: one edit of its text each. */

export interface Change {
  /** What kind of change: survivors are looked at by it. */
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";

const OPERATORS: Record<string, string> = {
  "===": "!==",
  "!==": "===",
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "%": "*",
  "&&": "||",
  "||": "&&",
};

const METHODS: Record<string, string> = {
  min: "max",
  max: "min",
  some: "every",
  every: "some",
  startsWith: "endsWith",
};

/** Types have no behaviour, and texts are mostly sentences for people. */
const isSkipped = ({ type }: Node): boolean => type.startsWith("TS") && !KEPT.has(type);
const KEPT: ReadonlySet<string> = new Set([
  "TSAsExpression",
  "TSNonNullExpression",
  "TSSatisfiesExpression",
  "TSTypeAssertion",
]);

export function changesOf(source: string): Change[] {
  const found: Change[] = [];
  const text = ({ start, end }: Node): string => source.slice(start, end);
  const add = (kind: string, { start, end }: Node, replacement: string): void => {
    if (source.slice(start, end) !== replacement) found.push({ kind, start, end, replacement });
  };
  const visit = (node: Node): void => {
    if (isSkipped(node) || node.type === "ImportDeclaration") return;
    change(node, text, add);
    for (const value of Object.values(node))
      for (const below of Array.isArray(value) ? (value as unknown[]) : [value]) if (isNode(below)) visit(below);
  };
  visit(parseAst(source, { lang: "ts" }) as unknown as Node);
  return found;
}

type Add = (kind: string, node: Node, replacement: string) => void;

function change(node: Node, text: (node: Node) => string, add: Add): void {
  const at = (key: string): Node => node[key] as Node;
  switch (node.type) {
    case "BinaryExpression":
    case "LogicalExpression": {
      const operator = node["operator"] as string;
      const other = OPERATORS[operator];
      const isText = [at("left"), at("right")].some((side) => /^["'`]/.test(text(side)));
      if (other !== undefined && !(operator === "+" && isText))
        add(`${operator} to ${other}`, node, `${text(at("left"))} ${other} ${text(at("right"))}`);
      if (operator === "??") add("?? to its left side", node, text(at("left")));
      return;
    }
    case "IfStatement":
    case "ConditionalExpression":
      add("condition to true", at("test"), "true");
      add("condition to false", at("test"), "false");
      return;
    case "UnaryExpression":
      if (node["operator"] === "!") add("! removed", node, text(at("argument")));
      return;
    case "Literal":
      if (typeof node["value"] === "boolean") add("boolean flipped", node, String(!node["value"]));
      if (typeof node["value"] === "number") add("number plus one", node, String(node["value"] + 1));
      return;
    case "ArrayExpression":
      if ((node["elements"] as unknown[]).length > 0) add("array emptied", node, "[]");
      return;
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      if (at("body")?.type === "BlockStatement" && (at("body")["body"] as unknown[]).length > 0)
        add("body removed", at("body"), "{}");
      return;
    case "ExpressionStatement":
      if (/^(?:await )?[\w.#]+\(/.test(text(node))) add("call removed", node, ";");
      return;
    case "MemberExpression": {
      const other = METHODS[text(at("property"))];
      if (other !== undefined && node["computed"] !== true)
        add(`${text(at("property"))} to ${other}`, at("property"), other);
      return;
    }
    default:
  }
}

export const changed = (source: string, { start, end, replacement }: Change): string =>
  source.slice(0, start) + replacement + source.slice(end);
