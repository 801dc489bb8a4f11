import { DatabaseSync } from "node:sqlite";
import type { Sql, SqlValue } from "../../src/do/ports.ts";

/** The rig's storage port on node:sqlite, for tests and the simulation. Transactions nest, as they do in the object. */
export function nodeSql(path = ":memory:"): {
  sql: Sql;
  transaction<T>(run: () => T): T;
  close(): void;
  database: DatabaseSync;
} {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA foreign_keys = ON");
  const prepared = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  let depth = 0;
  return {
    database,
    sql: {
      exec<Row extends Record<string, SqlValue>>(query: string, ...bindings: SqlValue[]) {
        if (bindings.length === 0 && !/^\s*select/i.test(query)) {
          database.exec(query);
          return { toArray: (): Row[] => [] };
        }
        let statement = prepared.get(query);
        if (statement === undefined) {
          statement = database.prepare(query);
          prepared.set(query, statement);
        }
        const rows = statement.all(...bindings) as Row[];
        return { toArray: () => rows };
      },
    },
    transaction<T>(run: () => T): T {
      const name = `t${depth++}`;
      database.exec(`SAVEPOINT ${name}`);
      try {
        const result = run();
        database.exec(`RELEASE ${name}`);
        return result;
      } catch (error) {
        database.exec(`ROLLBACK TO ${name}`);
        database.exec(`RELEASE ${name}`);
        throw error;
      } finally {
        depth--;
      }
    },
    close: () => database.close(),
  };
}
