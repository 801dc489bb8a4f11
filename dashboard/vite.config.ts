import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** `vite build dashboard` writes dist/dashboard, which the Worker serves; `vite dashboard` serves the pages against a Worker on 8787. */
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../dist/dashboard",
    emptyOutDir: true,
    target: "es2023",
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/api": { target: "http://127.0.0.1:8787", ws: true }, "/health": "http://127.0.0.1:8787" } },
});
