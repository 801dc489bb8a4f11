import "./styles/mantine.css";
import "./styles/base.css";
import { createTheme, MantineProvider, type MantineColorsTuple } from "@mantine/core";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";

const tick: MantineColorsTuple = ["#e6f6f1", "#d0ebe3", "#a3d8c9", "#73c4ad", "#4cb396", "#2f9d80", "#17806a", "#0f6b5c", "#0b594c", "#06453a"];

const theme = createTheme({
  primaryColor: "tick",
  primaryShade: { light: 7, dark: 7 },
  colors: { tick },
  defaultRadius: "md",
  fontFamily: `-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif`,
  fontFamilyMonospace: `ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace`,
  cursorType: "pointer",
});

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <App />
    </MantineProvider>,
  );
}
