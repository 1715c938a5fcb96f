import { onTestFinished } from "vitest";
import type { Engine } from "../../src/engine/engine.js";
import { silentLogger } from "../../src/engine/logger.js";
import { type Front, type FrontParts, openFront } from "../../src/server/front/front.js";
import { createMetrics, type ServerMetrics } from "../../src/server/metrics.js";
import { createService, type ServiceParts } from "../../src/service/service.js";
import { fakeEngine } from "./fake-engine.js";
import { type GrpcCaller, grpcCaller } from "./grpc-caller.js";

/** An open port with a fake engine behind it. */
export interface TestFront extends Front {
  readonly metrics: ServerMetrics;
  readonly url: string;
  /** A gRPC caller with a connection of its own. */
  caller(): GrpcCaller;
}

type Options = Partial<FrontParts> & Partial<Pick<ServiceParts, "maxRequestBytes" | "logger">>;

/** Opens a port whose calls end in the operations that a test gives. It and its callers are closed when the test is over. */
export async function openTestFront(operations: Partial<Engine>, options: Options = {}): Promise<TestFront> {
  const metrics = createMetrics();
  const service = createService({
    engine: fakeEngine(operations),
    logger: options.logger ?? silentLogger,
    metrics: metrics.calls,
    maxRequestBytes: options.maxRequestBytes ?? 64 * 1024,
  });
  const front = await openFront({
    host: "127.0.0.1",
    port: 0,
    service,
    logger: silentLogger,
    metrics,
    isReady: async () => true,
    ...options,
  });
  onTestFinished(() => front.stop(1000));
  return {
    ...front,
    metrics,
    url: `http://${front.address}`,
    caller() {
      const caller = grpcCaller(front.address);
      onTestFinished(() => caller.close());
      return caller;
    },
  };
}
