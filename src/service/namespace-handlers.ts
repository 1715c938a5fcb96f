/** The handlers of NamespaceService. */
import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import type { NamespaceService } from "../../gen/pawl/v1/namespace_service_pb.js";
import type { Engine } from "../engine/engine.js";
import { defaultNamespace, inNamespace, paged } from "./defaults.js";
import { type Handlers, whole } from "./handler.js";

const defaultRetentionSeconds = BigInt(30 * 24 * 60 * 60);

/** The RPCs of NamespaceService. */
export function namespaceHandlers(engine: Engine): Handlers<typeof NamespaceService> {
  return {
    createNamespace: whole((request, call) => {
      const retention = request.retention ?? create(DurationSchema, { seconds: defaultRetentionSeconds });
      return engine.createNamespace({ ...request, retention }, call);
    }),
    listNamespaces: whole((request, call) => engine.listNamespaces(paged(request), call)),
    updateNamespace: whole((request, call) => engine.updateNamespace(request, call)),
    deleteNamespace: whole((request, call) => engine.deleteNamespace(request, call)),
    getNamespaceStats: whole((request, call) =>
      engine.getNamespaceStats({ ...request, name: request.name || defaultNamespace }, call),
    ),
    getQueueStats: whole((request, call) => engine.getQueueStats(inNamespace(request), call)),
  };
}
