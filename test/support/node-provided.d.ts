import "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** Why no box works here; empty: one does. */
    noBox: string;
    /** Each how manieth generated path is driven through workerd. */
    everyPath: number;
  }
}
