import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { dropKey, keepAnswer, takeKey } from "../../src/do/answers.ts";
import type { Sql } from "../../src/do/ports.ts";
import { DOOR } from "../../src/events/limits.ts";
import { nodeSql } from "../support/node-sql.ts";

/** The table as the object makes it. */
const TABLE = /CREATE TABLE IF NOT EXISTS answers [^;]+;/.exec(readFileSync("src/do/user-do.ts", "utf8"))?.[0] ?? "";

function registry(): Sql {
  const { sql } = nodeSql();
  sql.exec(TABLE);
  return sql;
}
const keys = (sql: Sql): string[] =>
  sql
    .exec<{ key: string }>("SELECT key FROM answers ORDER BY at, key")
    .toArray()
    .map(({ key }) => key);

test("a key is taken once, answers as the first time, and is free again when its request was refused or died", () => {
  const sql = registry();
  expect(takeKey(sql, 0, "k", "f")).toBe(null);
  expect(takeKey(sql, 119_999, "k", "f")).toMatchObject({ status: 0, body: null });
  expect(takeKey(sql, 120_000, "k", "f")).toBe(null);
  keepAnswer(sql, "k", 201, "made", "f:bytes");
  dropKey(sql, "k");
  expect(takeKey(sql, 9e9, "k", "f")).toMatchObject({ fingerprint: "f:bytes", status: 201, body: "made" });
  takeKey(sql, 0, "other", "f");
  dropKey(sql, "other");
  expect(takeKey(sql, 0, "other", "f")).toBe(null);
});

test("an answer is kept up to its limit in bytes; of a longer one, that it was given", () => {
  const sql = registry();
  for (const [key, body] of [
    ["fits", "ä".repeat(DOOR.answer_bytes / 2)],
    ["too long", `${"ä".repeat(DOOR.answer_bytes / 2)}x`],
  ] as const) {
    takeKey(sql, 0, key, "f");
    keepAnswer(sql, key, 200, body, "f");
    expect(takeKey(sql, 1, key, "f")).toMatchObject({ status: 200, body: key === "fits" ? body : null });
  }
});

test("answers are kept up to a number, and the oldest go", () => {
  const sql = registry();
  sql.exec(
    `WITH RECURSIVE more(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM more WHERE i < ?)
     INSERT INTO answers SELECT 'key ' || i, 'f', 200, 'x', i FROM more`,
    DOOR.answers_kept - 1,
  );
  takeKey(sql, 1e9, "at the limit", "f");
  expect(keys(sql)).toHaveLength(DOOR.answers_kept);
  takeKey(sql, 2e9, "over it", "f");
  expect(keys(sql)).toHaveLength(DOOR.answers_kept);
  expect(keys(sql)[0]).toBe("key 2");
});
