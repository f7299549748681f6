import type { Progress } from '../../progress.ts';
import type { StageStats, StatementStats } from './protocol.ts';

/** What a coordinator tells about a running statement, as progress of a cell. */
export function statementProgress(stats: StatementStats): Progress {
  const { totalSplits: total, completedSplits: done, progressPercentage } = stats;
  const stages = stats.rootStage === undefined ? [] : allStages(stats.rootStage);
  return {
    phase: phases[stats.state] ?? 'running',
    ...(progressPercentage === undefined ? {} : { fraction: Math.min(progressPercentage / 100, 1) }),
    ...optional('rows', stats.processedRows),
    ...optional('bytes', stats.physicalInputBytes || stats.processedBytes),
    ...(total ? { splits: { done: done ?? 0, total } } : {}),
    ...(stages.length > 0
      ? { stages: { done: stages.filter(stage => stage.done).length, total: stages.length } }
      : {}),
  };
}

const phases: Readonly<Record<string, string>> = {
  QUEUED: 'queued',
  WAITING_FOR_RESOURCES: 'waiting for resources',
  DISPATCHING: 'starting',
  PLANNING: 'planning',
  STARTING: 'starting',
  RUNNING: 'running',
  FINISHING: 'finishing',
  FINISHED: 'fetching',
};

function allStages(stage: StageStats): StageStats[] {
  return [stage, ...(stage.subStages ?? []).flatMap(allStages)];
}

function optional<K extends 'rows' | 'bytes'>(key: K, value: number | undefined): { [P in K]?: number } {
  return (value ? { [key]: value } : {}) as { [P in K]?: number };
}
