import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { openConnection } from "../../src/store/pool.js";

/** A migrated database of a test file's own. */
export interface TestDatabase {
  url: string;
  /** Removes it, cutting off whoever is still connected. */
  drop(): Promise<void>;
}

/** Clones the migrated template, which takes some 50 ms. Call it once a file and use a fresh namespace a test. */
export function createTestDatabase(): Promise<TestDatabase> {
  return cloneDatabase("pawl_template");
}

/** Makes a database with nothing in it. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return cloneDatabase("template0");
}

async function cloneDatabase(template: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  await administer(`create database ${name} template ${template}`);
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administer(`drop database if exists ${name} with (force)`) };
}

async function administer(statement: string): Promise<void> {
  const connection = await openConnection({ url: inject("postgresUrl"), name: "pawl-test" });
  try {
    await connection.query(statement);
  } finally {
    await connection.end();
  }
}
