/** For tests of workflows: an environment in memory whose time passes at once, replay of histories, and a real server. */
export type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
export type { ConnectedClient } from "../client/client.js";
export type { ActivityCall } from "./activity-code.js";
export { sleep } from "./actors.js";
export {
  createTestEnvironment,
  type Replacement,
  type TestEnvironment,
  type TestEnvironmentOptions,
} from "./environment.js";
export { DeadlockError, TestSetupError, WorkflowTaskFailedError } from "./errors.js";
export { type HistorySource, historyToJson, readHistory } from "./history-json.js";
export { failFirst, hang, type MockedWorkflows } from "./mocks.js";
export { replayHistory } from "./replay-history.js";
export { startTestServer, type TestServer } from "./test-server.js";
export type { ReplayCheck } from "./workflow-code.js";
