/* The ledger under kills: the four laws of docs/protocol.md, at every instant and at rest. Two streams, each with a source that has a pool of
   one buffer and reads one frame a time; one feed; all in one process, which one kill takes whole. A consumer that is killed too, and whose
   death is perfectly known (gate.pml has the real verdict). Each counter is a store of its own; the board is one step.
   Holds: whenever no adoption is under way, laws 1 to 4; after an adoption nothing in between; at rest every frame in one column;
   dropped.crash grows by at most the pool and one read per source and adoption.
   -DDROP_COMMITTED: adopt 4 does not read `committed` from the slots. -DDROP_REPAIR: nor repairs the counts after it. -DADD: it adds to
   dropped.crash instead of assigning. -DSTAMP_LATE: the feed stamps a block's drops, not the source. -DDROP_PENDING: law 4 without
   overrun_pending. -DCRASH_FIRST: it assigns dropped.crash before the counts that this is made
   of. -DFILLED_LATE: a source counts `filled` behind the hand-over. -DHANDED_LATE: the feed counts `handed` behind the block.
   -DCOUNT_EARLY: `committed` is counted before the slot is whole. -DDROP_HIGHEST: law 3 and 4 take the ledger's
   `committed` although a slot names more. */
#ifndef N
#define N 2
#endif
#ifndef K
#define K 2 /* frames of each stream */
#endif
#ifndef KP
#define KP 1
#endif
#ifndef KC
#define KC 1
#endif
#ifndef S
#define S 2 /* streams */
#endif
#define POOL 1
byte acquired[S], pool_drops[S], filled[S], handed[S], full_drops[S], committed[S], crash_drops[S];
byte head, tail, sequence[N], slot_stream[N], slot_first[N], slot_drops[N], slot_committed[N];
byte upto, aggregated[S], overrun[S], next_frame[S], next_drops[S], seen_committed[S]; /* the board */
bool hole[S]; /* and: blocks were skipped since the stream's last one */
bool living;
byte producer_kills, consumer_kills, incarnation, in_slots[S]; /* in_slots: frames ever made whole */
bool adopting = 1, done;
/* private to the producer's process: a buffer for each stream, and the order in which full ones arrived */
byte buffer_first[S], buffer_drops[S], queue[S], queued, served;
bool taken[S];
#define KILLP(to) :: producer_kills < KP -> atomic { producer_kills++; incarnation++; adopting = 1 }; goto to
#define THROUGH(x) (!taken[x] && acquired[x] == K && filled[x] + pool_drops[x] == K)
#ifdef DROP_HOLE
#define SKIPPED skip
#elif S > 1
#define SKIPPED x[0] = 1; x[1] = 1
#else
#define SKIPPED x[0] = 1
#endif
#define KILLC :: consumer_kills < KC -> atomic { consumer_kills++; living = 0 }; goto start

active [S] proctype source() {
  byte f, d, me, s = _pid;
start:
  atomic { !adopting -> me = incarnation; f = 0; d = 0 }
  do
  :: atomic { incarnation != me -> skip }; goto start
  :: atomic { incarnation == me && acquired[s] < K -> f = acquired[s]; d = pool_drops[s] + crash_drops[s]; acquired[s]++ };
     if
     :: atomic { incarnation == me && !taken[s] -> taken[s] = 1 };
#ifndef FILLED_LATE
        if :: atomic { incarnation == me -> filled[s]++ } :: atomic { incarnation != me -> skip }; goto start fi;
#endif
        if
        :: atomic { incarnation == me -> buffer_first[s] = f; buffer_drops[s] = d; queue[queued % S] = s; queued++ }
        :: atomic { incarnation != me -> skip }; goto start
        fi
#ifdef FILLED_LATE
        ; if :: atomic { incarnation == me -> filled[s]++ } :: atomic { incarnation != me -> skip }; goto start fi
#endif
     :: atomic { incarnation == me && taken[s] -> pool_drops[s]++ }
     :: atomic { incarnation != me -> skip }; goto start
     fi
  :: atomic { incarnation == me && acquired[s] >= K && done -> skip }; break
  od
end:
  (incarnation != me) -> goto start
}

active proctype feed() {
  byte h, i, s, before;
start:
  atomic { adopting = 1; done = 0; h = head; i = 0; s = 0; before = 0; queued = 0; served = 0 }
  s = 0;
  do :: s < S -> atomic { taken[s] = 0; s++ } :: else -> break od;
  if :: sequence[h % N] == h + 1 -> if KILLP(start) :: h = h + 1; head = h fi :: else fi; /* adopt 3 */
  s = 0;
  do
  :: s < S ->
#ifndef DROP_COMMITTED
     i = 0;
     do
     :: i < N ->
        if
        KILLP(start)
        :: atomic { skip;
             if
             :: sequence[i] != 0 && sequence[i] <= h && slot_stream[i] == s && slot_committed[i] > committed[s] -> committed[s] = slot_committed[i]
             :: else
             fi;
             i++
           }
        fi
     :: else -> break
     od;
#endif
#ifdef CRASH_FIRST
     if KILLP(start) :: crash_drops[s] = handed[s] - committed[s] - full_drops[s] fi;
#endif
#ifndef DROP_REPAIR
     if KILLP(start) :: filled[s] = acquired[s] - pool_drops[s] fi;
     if KILLP(start) :: handed[s] = filled[s] fi;
     before = crash_drops[s];
#ifdef ADD
     if KILLP(start) :: crash_drops[s] = crash_drops[s] + handed[s] - committed[s] - full_drops[s] fi;
#elif !defined(CRASH_FIRST)
     if KILLP(start) :: crash_drops[s] = handed[s] - committed[s] - full_drops[s] fi;
#endif
     assert(crash_drops[s] - before <= POOL + 1);
#endif
     s++
  :: else -> break
  od;
  atomic { adopting = 0; i = 0; s = 0; before = 0 }
  do
  :: if
     KILLP(start)
     :: atomic { served < queued -> s = queue[served % S]; served++ }
     :: atomic { served == queued && THROUGH(0) && (S == 1 || THROUGH(S - 1)) -> done = 1 };
        break
     fi;
#ifndef HANDED_LATE
     if KILLP(start) :: handed[s]++ fi;
#endif
     if
     :: atomic { living && h - tail >= N }; if KILLP(start) :: full_drops[s]++ fi
     :: atomic { !living || h - tail < N };
        i = h % N;
#ifdef COUNT_EARLY
        if KILLP(start) :: committed[s]++ fi;
#endif
        if KILLP(start) :: sequence[i] = 0 fi;
        if
        KILLP(start)
        :: atomic {
             slot_stream[i] = s; slot_first[i] = buffer_first[s]; slot_committed[i] = in_slots[s] + 1;
#ifdef STAMP_LATE
             slot_drops[i] = pool_drops[s] + crash_drops[s] + full_drops[s]
#else
             slot_drops[i] = buffer_drops[s] + full_drops[s]
#endif
           }
        fi;
        if KILLP(start) :: atomic { sequence[i] = h + 1; in_slots[s]++ } fi;
        if KILLP(start) :: head = h + 1 fi;
        h = h + 1;
#ifndef COUNT_EARLY
        if KILLP(start) :: committed[s]++ fi
#else
        skip
#endif
     fi;
#ifdef HANDED_LATE
     if KILLP(start) :: handed[s]++ fi;
#endif
     if KILLP(start) :: atomic { taken[s] = 0; i = 0; s = 0 } fi
  od;
endf:
  if :: false fi
}

active proctype consumer() {
  byte c, h, q, s, f, d, m, a[S], o[S], n[S], u[S], w[S];
  bool x[S];
start:
  atomic { living = 0; c = 0; h = 0; q = 0; s = 0; f = 0; d = 0; m = 0 }
  atomic { /* attach: gate.pml */
    living = 1; c = upto; h = head;
    a[0] = aggregated[0]; o[0] = overrun[0]; n[0] = next_frame[0]; u[0] = next_drops[0]; w[0] = seen_committed[0]; x[0] = hole[0];
#if S > 1
    a[1] = aggregated[1]; o[1] = overrun[1]; n[1] = next_frame[1]; u[1] = next_drops[1]; w[1] = seen_committed[1]; x[1] = hole[1];
#endif
    if :: c + N < h + 1 && h + 1 > N -> c = h + 1 - N; SKIPPED :: else fi;
    tail = c
  }
  do
  :: if KILLC :: atomic { head > c -> h = head } fi;
     if KILLC :: atomic { q = sequence[c % N]; s = slot_stream[c % N]; f = slot_first[c % N]; d = slot_drops[c % N]; m = slot_committed[c % N] } fi;
     if
     KILLC
     :: atomic { skip;
          if
          :: q == c + 1 && sequence[c % N] == q ->
             assert(f >= n[s] && d >= u[s] && f - n[s] >= d - u[s]); /* header arithmetic never goes below 0 */
             o[s] = o[s] + (f - n[s]) - (d - u[s]); a[s]++; n[s] = f + 1; u[s] = d; w[s] = m; x[s] = 0
          :: else -> SKIPPED
          fi;
          c++; q = 0; s = 0; f = 0; d = 0; m = 0
        }
     fi;
     if
     KILLC
     :: atomic {
          upto = c; tail = c;
          aggregated[0] = a[0]; overrun[0] = o[0]; next_frame[0] = n[0]; next_drops[0] = u[0]; seen_committed[0] = w[0]; hole[0] = x[0];
#if S > 1
          aggregated[1] = a[1]; overrun[1] = o[1]; next_frame[1] = n[1]; next_drops[1] = u[1]; seen_committed[1] = w[1]; hole[1] = x[1]
#endif
        }
     fi
  od
}

/* A viewer's look, at one instant; shm/viewer.cpp tries until it gets one. */
active proctype look() {
  byte k, s, walked, pending, highest, seen, nf, nd;
  bool skipped;
end:
  do
  :: atomic {
       !adopting ->
       s = 0;
       do
       :: s < S ->
          walked = 0; pending = 0; highest = committed[s]; nf = next_frame[s]; nd = next_drops[s]; seen = seen_committed[s]; skipped = hole[s]; k = upto;
#ifndef DROP_SEEN
          if :: seen > highest -> highest = seen :: else fi; /* killed or stopped between publish 5 and the count */
#endif
          do
          :: k < head ->
             if
             :: sequence[k % N] == k + 1 && slot_stream[k % N] == s ->
                pending = pending + (slot_first[k % N] - nf) - (slot_drops[k % N] - nd);
                walked++; nf = slot_first[k % N] + 1; nd = slot_drops[k % N]; seen = slot_committed[k % N]; skipped = 0;
#ifndef DROP_HIGHEST
                if :: slot_committed[k % N] > highest -> highest = slot_committed[k % N] :: else fi
#endif
             :: sequence[k % N] != k + 1 -> skipped = 1
             :: else
             fi;
             k++
          :: else -> break
          od;
#ifndef DROP_HOLE
          if :: skipped && highest > seen -> pending = pending + highest - seen :: else fi; /* its last blocks were overwritten */
#endif
#ifdef DROP_PENDING
          pending = 0;
#endif
          assert(acquired[s] >= filled[s] + pool_drops[s] && acquired[s] - filled[s] - pool_drops[s] <= 1);         /* law 1 */
          assert(filled[s] >= handed[s] && filled[s] - handed[s] <= POOL);                                          /* law 2 */
          assert(handed[s] >= highest + full_drops[s] + crash_drops[s] && handed[s] - highest - full_drops[s] - crash_drops[s] <= 1);
          assert(highest == aggregated[s] + overrun[s] + walked + pending);                                         /* law 4 */
          s++
       :: else -> break
       od;
       k = 0; s = 0; walked = 0; pending = 0; highest = 0; seen = 0; nf = 0; nd = 0; skipped = 0
     }
  od
}

active proctype rest() {
  timeout -> assert(done && upto == head && committed[0] == in_slots[0] && handed[0] == committed[0] + full_drops[0] + crash_drops[0]);
  assert(acquired[0] == committed[0] + pool_drops[0] + full_drops[0] + crash_drops[0])
}
