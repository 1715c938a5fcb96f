import { expect, test } from "vitest";
import type { Command } from "../../gen/pawl/v1/command_pb.js";
import type { Payload } from "../../gen/pawl/v1/payload_pb.js";
import { decodePayload, encodePayload } from "../../src/sdk/payload.js";
import { ApplicationFailure, defineType, workflow } from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";

class Money {
  readonly cents: bigint;
  constructor(cents: bigint) {
    this.cents = cents;
  }
  plus(other: Money): Money {
    return new Money(this.cents + other.cents);
  }
}

defineType<Money, string>("Money", {
  is: (value) => value instanceof Money,
  encode: ({ cents }) => String(cents),
  decode: (text) => new Money(BigInt(text)),
});
defineType<Date, string>("Date", {
  is: (value) => value instanceof Date,
  encode: (date) => date.toISOString(),
  decode: (text) => new Date(text),
});
defineType<Map<unknown, unknown>, [unknown, unknown][]>("Map", {
  is: (value) => value instanceof Map,
  encode: (map) => [...map],
  decode: (entries) => new Map(entries),
});

test("values of defined types come back as what they were, at any depth, and are readable on the way", () => {
  const value = {
    price: new Money(1450n),
    times: [new Date(0)],
    byName: new Map([["a", new Money(1n)]]),
    plain: { value: 1, none: null },
  };
  const payload = encodePayload(value);
  expect(decodePayload(payload)).toEqual(value);
  expect(payload?.body.value).toContain('"price":{"$pawlType":"Money","value":"1450"}');
  expect(decodePayload(encodePayload(new Money(2n)))).toEqual(new Money(2n));
});

test("a value of a type that is not defined says so", () => {
  const payload = encodePayload({ a: { $pawlType: "Colour", value: 1 } });
  expect(() => decodePayload(payload)).toThrow('"Colour", which is not defined here: import what calls');
  expect(() =>
    defineType("", { is: (_): _ is never => false, encode: String, decode: String as never }),
  ).toThrow("a type needs a name");
});

test("workflow code gets and gives them, and replays the same", async () => {
  const total = workflow("Total", async (ctx, start: Money) => {
    const more = await ctx.activity<Money>("more", new Map([["start", start]]));
    if (!(more instanceof Money)) throw new ApplicationFailure("not money");
    return start.plus(more);
  });
  const run = startFakeRun(total, new Money(1n));
  expect(payloadOf(await run.task(), "scheduleActivity", "input")).toEqual(
    new Map([["start", new Money(1n)]]),
  );
  run.complete(1, new Money(2n));
  expect(payloadOf(await run.task(), "completeWorkflow", "result")).toEqual(new Money(3n));
});

function payloadOf(commands: readonly Command[], kind: string, field: string): unknown {
  const command = commands.find((one) => one.kind.case === kind);
  return decodePayload((command?.kind.value as Record<string, Payload | undefined> | undefined)?.[field]);
}
