/** Runs every case over one front. */
import { createClient, type Transport } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readReasons } from "../../tools/error-docs.js";
import { isShort } from "../support/is-short.js";
import type { OperationContract } from "./contract.js";
import { everyCall } from "./every-call.js";
import { type ContractHouse, openHouse, type Protocol } from "./front.js";
import { operations } from "./operations.js";
import { type Refusal, refusalOf } from "./refusal.js";
import { openScene } from "./scene.js";

/** Registers a test for each case of each operation; in their short form each front has half of the cases, and each case a front. */
export function describeContract(protocol: Protocol): void {
  let cases = 0;
  const testCase = (title: string, play: () => Promise<void>) => {
    const turn = cases++ % 2 === 0 ? "gRPC" : "Connect";
    if (!isShort || turn === protocol) test(title, play);
  };
  let house: ContractHouse;
  let codes: Map<string, string>;
  beforeAll(async () => {
    house = await openHouse(protocol);
    codes = new Map((await readReasons()).map(({ name, code }) => [name, code]));
  });
  afterAll(() => house.close());

  /** A refusal comes with the code that is documented for its reason, and says something. */
  function expectRefusal(refusal: Refusal, reason: string): void {
    expect(refusal).toMatchObject({ reason, code: codes.get(reason) });
    expect(refusal.message.length).toBeGreaterThan(10);
  }

  describe.each(operations.map((contract) => [contract.rpc.name, contract] as const))(
    `%s over ${protocol}`,
    (_, contract) => {
      const { happy, repeated, elsewhere, refused } = contract;
      for (const [title, play] of Object.entries({ ...happy, ...repeated, ...elsewhere }))
        testCase(title, async () => play(await openScene(house)));
      for (const [reason, calls] of Object.entries(refused))
        for (const [title, call] of Object.entries(calls))
          testCase(`${reason}: ${title}`, async () => {
            expectRefusal(await refusalOf(call(await openScene(house))), reason);
          });

      const { nowhereReason = "NAMESPACE_NOT_FOUND", malformed, nowhere } = contract;
      if (nowhere !== undefined)
        test(`${nowhereReason}: a namespace that there is not`, async () => {
          const request = await nowhere(await openScene(house));
          const call = callOf(house.main.transport, contract, { ...request, namespace: "nowhere" });
          expectRefusal(await refusalOf(call), nowhereReason);
        });
      test(`INVALID_FIELD: ${malformed.field}`, async () => {
        const refusal = await refusalOf(callOf(house.main.transport, contract, malformed.request));
        expectRefusal(refusal, "INVALID_FIELD");
        expect(refusal.metadata).toMatchObject({ field: malformed.field });
      });
    },
  );

  describe(`every call over ${protocol}`, () => {
    for (const [reason, calls] of Object.entries(everyCall))
      for (const [title, call] of Object.entries(calls))
        test(`${reason}: ${title}`, async () => {
          expectRefusal(await refusalOf(call(await openScene(house))), reason);
        });
  });
}

function callOf(transport: Transport, { rpc }: OperationContract, request: object): Promise<unknown> {
  const client: Record<string, (request: object) => Promise<unknown>> = createClient(
    rpc.parent,
    transport,
  ) as never;
  const call = client[rpc.localName];
  if (call === undefined) throw new Error(`there is no client of ${rpc.name}`);
  return call(request);
}
