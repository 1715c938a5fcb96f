/** What a newcomer does from an empty folder, on a machine that has Node 20 and no more, until hello has printed its result. */
export interface SetUpStep {
  /** What is typed, or done. */
  readonly does: string;
  readonly why: string;
  /** True if it puts something on the machine that npm does not. */
  readonly isInstalledOutsideNpm?: true;
  /** The page that says so. */
  readonly source: string;
}

const esModules: SetUpStep = {
  does: `\`echo '{ "type": "module" }' > package.json\``,
  why: "a package of ES modules",
  source: "https://docs.npmjs.com/cli/configuring-npm/package-json",
};

const starter = (source: string): SetUpStep => ({ does: "`npx tsx start.ts`", why: "run it", source });

const temporalQuickstart = "https://docs.temporal.io/develop/typescript/set-up-your-local-typescript";
const dbosIntegration = "https://docs.dbos.dev/typescript/integrating-dbos";
const dbosQueueWorker = "https://docs.dbos.dev/typescript/examples/queue-worker";

/** The steps with each SDK, for the code of docs/comparison/hello. */
export const setUp: Readonly<Record<"pawl" | "temporal" | "dbos", readonly SetUpStep[]>> = {
  pawl: [
    esModules,
    { does: "`npm install pawl tsx`", why: "SDK and server", source: "sdk.md" },
    { does: "`npx pawl serve`", why: "server with its Postgres", source: "configuration.md" },
    { does: "`npx tsx worker.ts`", why: "worker", source: "sdk.md" },
    starter("sdk.md"),
  ],
  temporal: [
    esModules,
    {
      does: "`npm install @temporalio/client @temporalio/worker @temporalio/workflow tsx`",
      why: "SDK",
      source: temporalQuickstart,
    },
    {
      does: "`brew install temporal`, or download it and put it in the PATH",
      why: "its command line, which has the server",
      isInstalledOutsideNpm: true,
      source: temporalQuickstart,
    },
    { does: "`temporal server start-dev`", why: "server", source: temporalQuickstart },
    {
      does: "`npx tsx worker.ts`",
      why: "worker, which bundles the workflows first",
      source: "https://github.com/temporalio/samples-typescript/tree/main/fetch-esm",
    },
    starter("https://github.com/temporalio/samples-typescript/tree/main/fetch-esm"),
  ],
  dbos: [
    esModules,
    { does: "`npm install @dbos-inc/dbos-sdk tsx`", why: "SDK", source: dbosIntegration },
    {
      does: "install Docker, or Postgres",
      why: "for the database",
      isInstalledOutsideNpm: true,
      source: dbosIntegration,
    },
    { does: "`npx dbos postgres start`", why: "database", source: dbosIntegration },
    { does: "`npx tsx worker.ts`", why: "worker", source: dbosQueueWorker },
    starter(dbosQueueWorker),
  ],
};
