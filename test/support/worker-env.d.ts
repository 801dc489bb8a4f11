declare namespace Cloudflare {
  interface Env extends import("../../src/do/env.ts").Env {}
}
