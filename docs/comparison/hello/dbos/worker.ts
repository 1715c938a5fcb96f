import { DBOS } from "@dbos-inc/dbos-sdk";

const greet = async (name: string) => `Hello, ${name}!`;

async function helloFunction(name: string) {
  return await DBOS.runStep(() => greet(name), { name: "greet", retriesAllowed: true, timeoutMS: 10_000 });
}
export const hello = DBOS.registerWorkflow(helloFunction, { name: "hello" });

DBOS.setConfig({ name: "hello" });
await DBOS.launch();
await DBOS.registerQueue("hello");
