import { MessageChannel } from "node:worker_threads";
import { expect, test } from "vitest";
import { createOutbox, openParcel, type Parcel } from "../../src/sdk/worker/thread/messages.js";

test("what is posted in one turn arrives in one parcel, each message with its own bytes, and leaves the sender's as they are", async () => {
  const { port1, port2 } = new MessageChannel();
  const arrived = new Promise<Parcel<string>>((resolve) => port2.once("message", resolve));
  const outbox = createOutbox<string>((parcel, transferred) => port1.postMessage(parcel, transferred));
  const whole = Buffer.from("xxabcxx");
  outbox.post("abc", whole.subarray(2, 5));
  outbox.post("nothing");
  outbox.post("d", Buffer.from("d"));
  const opened: string[] = [];
  openParcel(await arrived, (message, bytes) => opened.push(`${message}: ${Buffer.from(bytes)}`));
  port1.close();
  expect(opened).toEqual(["abc: abc", "nothing: ", "d: d"]);
  expect(String(whole)).toBe("xxabcxx");
});
