/** What the benchmarks measured on this machine; rates are per second. */
export interface ClusterConstants {
  /** events that one Postgres takes from one server, in shared commits */
  eventsPerSecond: number;
  /** events of one producer that waits for each: commits that nobody shares */
  commitsPerSecond: number;
  /** bytes of an event as it is stored */
  eventBytes: number;
  /** jobs from add to complete, each with its whole log, on one Postgres */
  jobsPerSecond: number;
  /** deliveries of one hot run that a core of a server makes */
  deliveriesPerCore: number;
  /** µs of a server's core for an event with one follower */
  eventMicroseconds: number;
  /** ms that an event takes longer to a follower on another server */
  redisHopMs: number;
  postgresHopMs: number;
}

/** What is asked of a cluster, per second. */
export interface ClusterLoad {
  events: number;
  jobs: number;
  /** of each event */
  followers: number;
}

export interface ClusterAnswer {
  /** databases over which runs are spread */
  databases: number;
  /** of each of them, of what it can do at most */
  databaseShare: number;
  /** ms from an append to its acknowledgement, on average, in the database alone */
  acknowledgedMs: number;
  servers: number;
  /** bytes that the log grows by in a day, before what the database adds */
  bytesADay: number;
}

/** The share of what is possible that may be asked for: beyond it waiting grows faster than load. */
export const BUSY = 0.7;
/** cores of a server that a program of one thread uses */
const CORES = 1;
const DAY = 86_400;

/** How many of each a load needs, where runs spread evenly over databases. */
export function sizeCluster(constants: ClusterConstants, load: ClusterLoad): ClusterAnswer {
  const share = load.events / constants.eventsPerSecond + load.jobs / constants.jobsPerSecond;
  const databases = Math.max(1, Math.ceil(share / BUSY));
  const databaseShare = share / databases;
  const cores =
    (load.events * constants.eventMicroseconds) / 1e6 +
    (load.events * Math.max(0, load.followers - 1)) / constants.deliveriesPerCore;
  return {
    databases,
    databaseShare,
    acknowledgedMs: acknowledgement(constants, databaseShare),
    servers: Math.max(1, Math.ceil(cores / (BUSY * CORES))),
    bytesADay: load.events * constants.eventBytes * DAY,
  };
}

/**
 * Group commit: what arrives during one commit goes with the next. A commit that costs `c` alone and 1/μ more for each
 * event lasts T = c + λT/μ, so T = c / (1 − λ/μ); an event waits half of one and then for the whole of its own.
 */
function acknowledgement({ commitsPerSecond }: ClusterConstants, share: number): number {
  return (1.5 * (1_000 / commitsPerSecond)) / (1 - share);
}

/** Events a second that one Postgres takes where there is nothing else to do. */
export const limitOf = ({ eventsPerSecond }: ClusterConstants): number => BUSY * eventsPerSecond;
