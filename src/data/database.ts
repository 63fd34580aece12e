/** The browser's database, opened when it is first needed. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";

/** `make` makes the tables of a new one. Where it does not open, or the browser closes it, the next that needs it tries again. */
export function databaseOf<Tables extends DBSchema>(
  name: string,
  make: (database: IDBPDatabase<Tables>) => void,
): () => Promise<IDBPDatabase<Tables>> {
  let opening: Promise<IDBPDatabase<Tables>> | undefined;
  const forget = () => {
    opening = undefined;
  };
  return () => {
    opening ??= openDB<Tables>(name, 1, { upgrade: make, terminated: forget }).catch((error: unknown) => {
      forget();
      throw error;
    });
    return opening;
  };
}
