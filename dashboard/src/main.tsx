import "./styles/mantine.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/pieces.css";
import "./styles/parts.css";
import "./styles/fields.css";
import { createTheme, MantineProvider, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { enter } from "./lib/session.ts";

const tick: MantineColorsTuple = [
  "#e6f6f1",
  "#d0ebe3",
  "#a3d8c9",
  "#73c4ad",
  "#4cb396",
  "#2f9d80",
  "#17806a",
  "#0f6b5c",
  "#0b594c",
  "#06453a",
];

const theme = createTheme({
  primaryColor: "tick",
  primaryShade: { light: 7, dark: 7 },
  colors: { tick },
  defaultRadius: "md",
  fontFamily: `-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif`,
  fontFamilyMonospace: `ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace`,
  cursorType: "pointer",
});

/** Mantine's own colours are ours, so that its dialogs stand on the same surfaces and its small print can be read. */
const colours: CSSVariablesResolver = () => {
  const ours = {
    "--mantine-color-body": "var(--surface)",
    "--mantine-color-text": "var(--ink)",
    "--mantine-color-dimmed": "var(--soft)",
    "--mantine-color-placeholder": "var(--soft)",
    "--mantine-color-default": "var(--surface)",
    "--mantine-color-default-hover": "var(--raised)",
    "--mantine-color-default-color": "var(--ink)",
    "--mantine-color-default-border": "var(--line-strong)",
    "--mantine-color-disabled-color": "var(--soft)",
    "--mantine-color-error": "var(--bad)",
  };
  return { variables: {}, light: ours, dark: ours };
};

const root = document.getElementById("root");
if (root !== null) {
  // Nothing is asked before the code, if there is one, was traded: it would be refused.
  void enter().then((entry) =>
    createRoot(root).render(
      <MantineProvider theme={theme} cssVariablesResolver={colours} defaultColorScheme="auto">
        <App entry={entry} />
      </MantineProvider>,
    ),
  );
}

/** A page that outlived an upgrade asks for parts that are gone: it starts again, once. */
addEventListener("vite:preloadError", (event) => {
  const last = Number(sessionStorage.getItem("ticktown.reloaded") ?? 0);
  if (Date.now() - last < 30_000) return;
  sessionStorage.setItem("ticktown.reloaded", String(Date.now()));
  event.preventDefault();
  location.reload();
});
