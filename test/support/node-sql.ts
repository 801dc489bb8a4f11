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
  const statement = (query: string): ReturnType<DatabaseSync["prepare"]> => {
    let found = prepared.get(query);
    if (found === undefined) {
      found = database.prepare(query);
      prepared.set(query, found);
    }
    return found;
  };
  return {
    database,
    sql: {
      exec<Row extends Record<string, SqlValue>>(query: string, ...bindings: SqlValue[]) {
        if (bindings.length === 0 && !/^\s*select/i.test(query)) {
          database.exec(query);
          return { toArray: (): Row[] => [] };
        }
        const rows = statement(query).all(...bindings) as Row[];
        return { toArray: () => rows };
      },
    },
    transaction<T>(run: () => T): T {
      const name = `t${depth++}`;
      statement(`SAVEPOINT ${name}`).run();
      try {
        const result = run();
        statement(`RELEASE ${name}`).run();
        return result;
      } catch (error) {
        statement(`ROLLBACK TO ${name}`).run();
        statement(`RELEASE ${name}`).run();
        throw error;
      } finally {
        depth--;
      }
    },
    close: () => database.close(),
  };
}
