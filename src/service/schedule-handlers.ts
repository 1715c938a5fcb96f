/** The handlers of ScheduleService. */
import type { ScheduleService } from "../../gen/pawl/v1/schedule_service_pb.js";
import type { Engine } from "../engine/engine.js";
import { inNamespace, paged } from "./defaults.js";
import { type Handlers, whole } from "./handler.js";

/** The RPCs of ScheduleService. */
export function scheduleHandlers(engine: Engine): Handlers<typeof ScheduleService> {
  return {
    createSchedule: whole((request, call) => engine.createSchedule(inNamespace(request), call)),
    getSchedule: whole((request, call) => engine.getSchedule(inNamespace(request), call)),
    listSchedules: whole((request, call) => engine.listSchedules(paged(inNamespace(request)), call)),
    updateSchedule: whole((request, call) => engine.updateSchedule(inNamespace(request), call)),
    pauseSchedule: whole((request, call) => engine.pauseSchedule(inNamespace(request), call)),
    resumeSchedule: whole((request, call) => engine.resumeSchedule(inNamespace(request), call)),
    deleteSchedule: whole((request, call) => engine.deleteSchedule(inNamespace(request), call)),
    triggerSchedule: whole((request, call) => engine.triggerSchedule(inNamespace(request), call)),
    backfillSchedule: whole((request, call) => engine.backfillSchedule(inNamespace(request), call)),
    previewSchedule: whole((request, call) => engine.previewSchedule(request, call)),
  };
}
