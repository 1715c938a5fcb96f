import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Worker, WorkerOptions } from "../../src/sdk/worker/index.js";
import type { Duration, WorkflowContext } from "../../src/sdk/workflow/index.js";
import {
  type Code,
  countLines,
  fillIn,
  linesOf,
  readCode,
  stepsOf,
  workflows,
} from "../../tools/comparison.js";
import { useRealServer } from "../sdk/real-server.js";
import { until } from "../support/until.js";

const document = fileURLToPath(new URL("../../docs/comparison.md", import.meta.url));
const code: Code[] = await readCode();

/** Where the programs find the server, since it listens elsewhere than they expect; their workers, which stop with the test; and whether their days take a millisecond. */
const here = vi.hoisted(() => ({ address: "", workers: [] as Worker[], areDaysShort: false }));
vi.mock("pawl", async (importOriginal) => {
  const pawl = await importOriginal<typeof import("pawl")>();
  const createWorker = (options: WorkerOptions) => {
    const worker = pawl.createWorker({ ...options, address: here.address });
    here.workers.push(worker);
    return worker;
  };
  return {
    ...pawl,
    createClient: () => pawl.createClient({ address: here.address }),
    createWorker,
    // Modules of workflows would be loaded in a thread, to which nothing of this file reaches.
    async runWorker({ workflows, ...options }: WorkerOptions) {
      const module: object = await import(String(workflows).replace(/js$/, "ts"));
      const definitions = Object.values(module).filter(
        (one) => one !== null && typeof one === "object" && "run" in one,
      );
      await createWorker({ ...options, workflows: definitions }).start();
    },
  };
});

vi.mock("pawl/workflow", async (importOriginal) => {
  const pawl = await importOriginal<typeof import("pawl/workflow")>();
  const shorten = <D>(duration: D) =>
    here.areDaysShort && typeof duration === "string" ? (duration.replace("days", "ms") as D) : duration;
  const hurried = (ctx: WorkflowContext): WorkflowContext =>
    Object.assign(Object.create(ctx), {
      sleep: (duration: Duration) => ctx.sleep(shorten(duration)),
      waitForSignal: (signal: string, { timeout }: { timeout: Duration }) =>
        ctx.waitForSignal(signal, { timeout: shorten(timeout) }),
    });
  const workflow: typeof pawl.workflow = (type, code) =>
    pawl.workflow(type, (ctx, input) => code(hurried(ctx), input));
  return { ...pawl, workflow };
});

describe("the comparison", () => {
  it("shows the code as it is and counts it right", async () => {
    const text = await readFile(document, "utf8");
    expect(fillIn(text, code)).toBe(text);
    const outdated = text
      .replaceAll(/\d+ in (\d)/g, "1 in $1")
      .replaceAll("await greet(name)", "greet(name)");
    expect(outdated).not.toBe(text);
    expect(fillIn(outdated, code)).toBe(text);
  });

  it("counts lines that are neither blank nor a comment", () => {
    expect(countLines("// a comment\nconst a = 1; // one\n\n  \n  // another\n}\n")).toBe(2);
  });

  it.each(workflows)("needs no more lines with Pawl: %s", (workflow) => {
    const lines = linesOf(code, workflow, "pawl");
    expect(lines).toBeGreaterThan(0);
    expect(lines).toBeLessThanOrEqual(linesOf(code, workflow, "temporal"));
    expect(lines).toBeLessThanOrEqual(linesOf(code, workflow, "dbos"));
  });

  it("needs no more steps of set-up with Pawl", () => {
    expect(stepsOf("pawl")).toBeLessThanOrEqual(stepsOf("temporal"));
    expect(stepsOf("pawl")).toBeLessThanOrEqual(stepsOf("dbos"));
  });

  it("says by how many lines DBOS is shorter as one program", async () => {
    expect(linesOf(code, "one-program", "pawl") - linesOf(code, "one-program", "dbos")).toBe(1);
    expect(await readFile(document, "utf8")).toContain("there DBOS is one line shorter");
  });
});

describe("Pawl's programs of the comparison", () => {
  const server = useRealServer();
  const printed: string[] = [];

  beforeEach(() => {
    here.address = server.client.connection.address;
    vi.spyOn(console, "log").mockImplementation((line) => void printed.push(line));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.resetModules();
    here.areDaysShort = false;
    printed.length = 0;
    await Promise.all(here.workers.splice(0).map((worker) => worker.stop()));
  });

  it("greet", async () => {
    await Promise.all([
      import("../../docs/comparison/hello/pawl/worker.js"),
      import("../../docs/comparison/hello/pawl/start.js"),
    ]);
    expect(printed).toEqual(["Hello, Ada!"]);
  });

  it("wait for a decision, and take it", async () => {
    const ended = startApproval();
    await until("somebody is asked", () => printed.includes("Please decide on expense 17."));
    await import("../../docs/comparison/approval/pawl/decide.js");
    await ended;
    expect(printed.at(-1)).toBe("approved by Grace");
  });

  it("escalate what nobody has decided on in time", async () => {
    here.areDaysShort = true;
    await startApproval();
    expect(printed.slice(1)).toEqual(["Nobody decided on expense 17.", "escalated"]);
  });

  it("remind three times", async () => {
    here.areDaysShort = true;
    await Promise.all([
      import("../../docs/comparison/reminders/pawl/worker.js"),
      import("../../docs/comparison/reminders/pawl/start.js"),
    ]);
    expect(printed).toEqual([...Array(3).fill("Please pay INV-7."), "reminded in vain"]);
  });

  it("greet as one program", async () => {
    await import("../../docs/comparison/one-program/pawl/hello.js");
    expect(printed).toEqual(["Hello, Ada!"]);
  });

  function startApproval(): Promise<unknown> {
    return Promise.all([
      import("../../docs/comparison/approval/pawl/worker.js"),
      import("../../docs/comparison/approval/pawl/start.js"),
    ]);
  }
});
