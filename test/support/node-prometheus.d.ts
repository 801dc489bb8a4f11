declare module "parse-prometheus-text-format" {
  export default function parse(text: string): {
    readonly name: string;
    readonly type: string;
    readonly help: string;
    readonly metrics: readonly { readonly value: string; readonly labels?: Record<string, string> }[];
  }[];
}
