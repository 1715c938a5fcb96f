import { create, toJsonString } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { GetHistoryResponseSchema, WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { createUnaryClient, openConnection } from "../../src/sdk/connection.js";
import {
  type ActivityContext,
  ApplicationFailure,
  type ClientOptions,
  createClient,
  type DataConverter,
} from "../../src/sdk/index.js";
import { defineQuery, defineSignal, defineUpdate, workflow } from "../../src/sdk/workflow/index.js";
import { openConnection as openDatabase } from "../../src/store/pool.js";
import { useRealServer } from "../../test/sdk/real-server.js";
import { until } from "../../test/support/until.js";
import { createAesGcmCodec } from "./aes-gcm-codec.js";

const server = useRealServer();

const key = (byte: number) => new Uint8Array(32).fill(byte);
const keys = { old: key(1), new: key(2) };
const encrypted: DataConverter = {
  codec: createAesGcmCodec({ currentKeyId: "old", keys: { old: keys.old } }),
  encodesFailures: true,
};

const note = defineSignal<string>("note");
const notes = defineQuery<string[], string>("notes");
const close = defineUpdate<string, string>("close");

/** A workflow in which the text is in all that it does. */
const patient = workflow("Patient", async (ctx, text: string) => {
  const heard: string[] = [];
  let isClosed = false;
  ctx.onSignal(note, (value) => void heard.push(value));
  ctx.onQuery(notes, (question) => [...heard, question]);
  ctx.onUpdate(close, (by) => {
    isClosed = true;
    return `${by} ${text}`;
  });
  ctx.upsertMemo({ more: text });
  const local = await ctx.local("local", () => text);
  const made = ctx.sideEffect("made", () => text);
  const treated = await ctx.activity<string>("treat", text);
  const failed = await ctx
    .activity("fail", text, { retry: { maximumAttempts: 1 } })
    .catch((error: Error) => (error.cause as ApplicationFailure).message);
  await ctx.condition(() => isClosed && heard.length > 0);
  return { heard, local, made, treated, failed };
});

const activities = {
  async treat(text: string, { heartbeat, info }: ActivityContext) {
    if (info.attempt > 1) return `${info.heartbeatDetails} ${info.lastFailure?.message}`;
    heartbeat(text);
    throw new ApplicationFailure(text, { details: text, nextRetryDelay: 1 });
  },
  async fail(text: string) {
    throw new ApplicationFailure(text, { type: "Failed" });
  },
};

function clientWith(options: ClientOptions) {
  const client = createClient({ address: server.address, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** Runs the workflow and gives how many rows of the database hold the text, and the history as the server tells it. */
async function runWith(text: string, taskQueue: string, options: ClientOptions) {
  const worker = await server.work({ ...options, taskQueue, workflows: [patient], activities });
  const client = clientWith(options);
  const handle = await client.start(patient, text, { taskQueue, memo: { about: text } });
  await handle.signal(note, text);
  expect(await handle.query(notes, text)).toEqual([text, text]);
  expect(await handle.update(close, text, { updateId: "once" })).toBe(`${text} ${text}`);
  expect(await handle.update(close, text, { updateId: "once" })).toBe(`${text} ${text}`);
  const result = await handle.result();
  expect(result).toEqual({
    heard: [text],
    local: text,
    made: text,
    treated: `${text} ${text}`,
    failed: text,
  });
  expect((await handle.describe()).workflow?.memo.more?.body).toMatchObject({ value: JSON.stringify(text) });
  await worker.stop();
  return { handle, client, rows: await countRowsWith(text), history: await rawHistory(handle.workflowId) };
}

async function rawHistory(workflowId: string): Promise<string> {
  const connection = openConnection({ address: server.address });
  const rpc = createUnaryClient(connection, WorkflowService);
  const history = await rpc.getHistory({ workflowId, pageSize: 1_000 }, { isLeftEncoded: true });
  connection.close();
  expect(history.events.length).toBeGreaterThan(10);
  return toJsonString(GetHistoryResponseSchema, history);
}

async function countRowsWith(text: string): Promise<number> {
  const database = await openDatabase({ url: server.cluster.url });
  const hex = Buffer.from(text).toString("hex");
  try {
    const { rows: tables } = await database.query(
      "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
    );
    let count = 0;
    for (const { name } of tables) {
      const found = await database.query(
        `select count(*)::int as n from ${name} t where t::text like '%' || $1 || '%' or t::text like '%' || $2 || '%'`,
        [text, hex],
      );
      count += found.rows[0].n;
    }
    return count;
  } finally {
    await database.end();
  }
}

test("with the codec nothing that workflows say is readable at the server, and all of it works", async () => {
  const plain = await runWith("an open secret", "plain", {});
  expect(plain.rows).toBeGreaterThan(0);
  expect(plain.history).toContain("an open secret");
  const hidden = await runWith("a real secret", "hidden", { dataConverter: encrypted });
  expect(hidden.rows).toBe(0);
  expect(hidden.history).not.toContain("a real secret");
  expect(hidden.history).toContain("encoded failure");
  const noCodec = clientWith({}).result(hidden.handle.workflowId);
  await expect(noCodec).rejects.toThrow('encoded as "binary/encrypted": give this client');
});

test("a new key takes over while what the old one encrypted stays readable; a wrong or missing key is said", async () => {
  const taskQueue = "rotating";
  const worker = await server.work({ dataConverter: encrypted, taskQueue, workflows: [patient], activities });
  const { workflowId } = await clientWith({ dataConverter: encrypted }).start(patient, "text", { taskQueue });
  await clientWith({ dataConverter: encrypted }).handle(workflowId).query(notes, "?");
  await worker.stop();

  const wrong = { codec: createAesGcmCodec({ currentKeyId: "old", keys: { old: key(9) } }) };
  // Without activities: an attempt at one that it takes fails too, and there are but three.
  const failing = await server.work({ dataConverter: wrong, taskQueue, workflows: [patient] });
  await clientWith({ dataConverter: encrypted }).signal(workflowId, note, "by the old key");
  await until("the task fails with the reason", async () => {
    const { pendingWorkflowTask } = await clientWith({}).describe(workflowId);
    return pendingWorkflowTask?.lastFailure?.message.includes('the key "old" is not the one') === true;
  });
  await failing.stop();

  const rotated = { codec: createAesGcmCodec({ currentKeyId: "new", keys }), encodesFailures: true };
  await server.work({ dataConverter: rotated, taskQueue, workflows: [patient], activities });
  const handle = clientWith({ dataConverter: rotated }).handle(patient, workflowId);
  expect(await handle.update(close, "by the new key")).toBe("by the new key text");
  expect(await handle.result()).toMatchObject({ heard: ["by the old key"], failed: "text" });
  const outdated = clientWith({ dataConverter: encrypted }).result(workflowId);
  await expect(outdated).rejects.toThrow(
    'the codec can\'t decode a payload of GetWorkflowResultResponse: it is encrypted with the key "new"',
  );
});

const fragile = workflow("Fragile", async (ctx, text: string) => {
  const cause = await ctx
    .activity("fail", text, { retry: { maximumAttempts: 1 } })
    .catch((error: Error) => error.cause as ApplicationFailure);
  return [(cause as ApplicationFailure).type, (cause as ApplicationFailure).message];
});

test("a result that can't be encoded fails its attempt alone, with the reason", async () => {
  const { codec } = encrypted;
  const dataConverter: DataConverter = {
    codec: {
      decode: (payloads) => codec?.decode(payloads) ?? [],
      encode(payloads) {
        if (payloads.some(({ body }) => body.value === '"too hot"')) throw new Error("it is too hot");
        return codec?.encode(payloads) ?? [];
      },
    },
  };
  const taskQueue = "fragile";
  const handlers = { fail: async () => "too hot", treat: async (text: string) => text };
  const workflows = [fragile, workflow("Calm", async (ctx, text: string) => ctx.activity("treat", text))];
  await server.work({ dataConverter, taskQueue, workflows, activities: handlers });
  const client = clientWith({ dataConverter });
  const [broken, fine] = await Promise.all([
    client.execute(fragile, "text", { taskQueue }),
    client.execute("Calm", "calm", { taskQueue }),
  ]);
  expect(fine).toBe("calm");
  expect(broken).toEqual(["PayloadCodecError", expect.stringContaining("it is too hot")]);
});

test("keys are checked, and payloads that were altered are refused", () => {
  expect(() => createAesGcmCodec({ currentKeyId: "none", keys })).toThrow('there is no key "none"');
  expect(() => createAesGcmCodec({ currentKeyId: "k", keys: { k: new Uint8Array(16) } })).toThrow(
    "16 bytes, but 32",
  );
  const text = (value: string) => create(PayloadSchema, { body: { case: "json", value } });
  const before = createAesGcmCodec({ currentKeyId: "old", keys: { old: keys.old } });
  const after = createAesGcmCodec({ currentKeyId: "new", keys });
  const encrypt = (codec: typeof before, value: string) =>
    create(PayloadSchema, (codec.encode([text(value)]) as never[])[0]);
  expect(after.decode([encrypt(before, '"a"'), encrypt(after, '"b"'), text("1")])).toEqual(
    ['"a"', '"b"', "1"].map(text),
  );
  expect(encrypt(after, '"b"')).toEqual(encrypt(after, '"b"'));
  expect(() => before.decode([encrypt(after, '"b"')])).toThrow('with the key "new", which is not here');
  const altered = encrypt(after, '"b"');
  if (altered.body.case === "data") altered.body.value.fill(0, 20, 21);
  expect(() => after.decode([altered])).toThrow('the key "new" is not the one it was encrypted with, or');
});
