/* The gate: publish 0, watch, evict, attach 2 to 5, adopt 5, detach, with owner_epoch and a live source that never waits. Feed, watcher and
   consumer; producer and consumer are killed before any step. The feed's `head` and the consumer's `owner_epoch` wait in store buffers, which
   their fences drain; with -DTSO so do the consumer's `tail` and `live`. What a killed one had buffered arrives before its lease is free. The
   board is one step here (board.pml has its parts), a slot is its sequence (slot.pml). EVICT times the watcher evicts a living owner, whenever
   it likes: a clock only narrows that, so an evicted consumer may be asleep, attaching, or between look and merge.
   Holds: nobody living is called dead; a correct consumer that was not evicted is never detached; what an attached consumer may read is not
   overwritten; each block is aggregated or overrun, once, and overrun only if its slot was begun again; nobody sleeps on data.
   -DDROP_LIVE: the feed judges `tail` before `live` says whose it is. -DDROP_ROOM: attach 4 leaves no slot for the block in the feed's hand.
   -DLIVE_FIRST: attach 5 before 4. -DSAME_EPOCH: attach 2 does not count owner_epoch up. -DKEEP_EPOCH: a feed that runs free does not look
   again. -DEVICT_FLAG: `evicted` says yes, and not whom. -DHEAD_FIRST: publish 5 before 4. -DLEASE_FIRST: the watcher tests the lease before
   it reads owner_epoch; -DTAKE_OVER_LEASE_FIRST: the adopter does. -DDROP_FREE_BELL: no bell while running free. -DDROP_TAKE_OVER: no adopt
   5. -DDROP_FEED_FENCE: no SYNC(attach) and SYNC(bell) on the feed's side (-DATTACH_ALONE: nobody minds a sleeper, so that the first is what
   is seen). -DDROP_ATTACH_FENCE: none on the consumer's. -DDROP_RANGE: a tail out of range is believed (with -DLIES: a consumer that once
   stores a wrong tail).
   -DSILENT_FREE: a feed with blocks that it did not ring for does not ring before it runs free; -DSILENT_END: nor when nothing is left to do.
   -DLIVE: what is committed is aggregated in the end, in every fair run. -DRETRY: the drain waits for a block that is not there.
   -DWAITS: a producer that waits: for room, of which it leaves a slot more, and for somebody to hold the gate; then nothing is overrun.
   -DFULL_AT_N: it leaves none.
   -DSTOP: the consumer may be stopped for ever before any step, and the feed comes to its end all the same. -DWAIT: it waits for room. */
#ifndef N
#define N 2
#endif
#ifndef K
#define K 4
#endif
#ifndef KP
#define KP 0
#endif
#ifndef KC
#define KC 1
#endif
#ifndef EVICT
#define EVICT 0
#endif
#if defined(WAITS) && !defined(FULL_AT_N)
#define ROOM (N - 1)
#else
#define ROOM N
#endif
byte head, tail, live, owner_epoch, sequence[N];
byte verdict, detached, evicted; /* e + 1: the owner_epoch e is dead; detached; evicted */
byte upto, aggregated, overrun;  /* the board */
byte filled;                     /* the bell */
bool lease, done, head_pending, owner_pending, tail_pending, live_pending, lied;
byte head_value, owner_value, tail_value, live_value;
byte incarnation = 255; /* of the producer's process; 255: its watcher does not run yet */
byte producer_kills, consumer_kills, evictions, tries, committed, begun[N];
byte living;          /* the owner_epoch of the living consumer, 0: none */
byte once_evicted;    /* the owner_epochs that were ever evicted, as bits */
#define KILLP :: producer_kills < KP -> producer_kills++; goto start
#ifdef STOP
bool stopped;
#define KILLC :: !stopped -> stopped = 1; goto stop
#else
#define KILLC :: consumer_kills < KC -> consumer_kills++; goto start
#endif
#ifdef EVICT_FLAG
#define EVICTED(e) (evicted != 0)
#else
#define EVICTED(e) (evicted == e + 1)
#endif
#define THROWN_OUT (detached == me + 1 || verdict == me + 1 || evicted == me + 1)
#define BLAMELESS(e) (!lied && !(once_evicted & (1 << e)))
#define CONSUMER_BUFFER_EMPTY (!owner_pending && !tail_pending && !live_pending)
#ifdef TSO
#define STORE_TAIL(x) atomic { !tail_pending && !live_pending -> tail_value = x; tail_pending = 1 }
#define STORE_LIVE(x) atomic { !owner_pending && !tail_pending && !live_pending -> live_value = x; live_pending = 1 }
#else
#define STORE_TAIL(x) tail = x
#define STORE_LIVE(x) atomic { !owner_pending -> live = x }
#endif

active proctype memory() {
end:
  do
  :: atomic { head_pending -> head = head_value; head_pending = 0; head_value = 0 }
  :: atomic { owner_pending -> owner_epoch = owner_value; owner_pending = 0; owner_value = 0 }
#ifdef TSO
  :: atomic { tail_pending -> tail = tail_value; tail_pending = 0; tail_value = 0 }
  :: atomic { live_pending -> live = live_value; live_pending = 0; live_value = 0 }
#endif
  od
}

active proctype watcher() {
  byte e, mine;
  bool held;
end:
  do
  :: atomic { !done && incarnation != 255 -> mine = incarnation; e = 0; held = 0 }
#ifdef LEASE_FIRST
     held = lease;
     e = owner_epoch;
#else
     e = owner_epoch;
     held = lease;
#endif
     if
     :: atomic { !held && mine == incarnation && verdict != e + 1 -> assert(e == 0 || living != e); verdict = e + 1 }
#if EVICT
     :: atomic { held && mine == incarnation && e != 0 && evictions < EVICT -> evictions++; evicted = e + 1; once_evicted = once_evicted | (1 << e) }
     :: held
#endif
     :: else
     fi
  od
}

#ifndef DROP_FEED_FENCE
#define FEED_FENCE !head_pending; /* SYNC(bell), SYNC(attach) */
#else
#define FEED_FENCE
#endif
#define RING FEED_FENCE if KILLP :: s = filled fi; if :: s == 0 -> if KILLP :: filled = 1 fi :: else fi; unrung = 0
#define FORGET atomic { t = 0; v = 0; e = 0; l = 0; s = 0; free = 0; closed = 0 }

active proctype feed() {
  byte h, t, i, v, e, l, s;
  bool free, closed, unrung;
start:
  atomic { !head_pending -> h = head; t = 0; i = 0; v = 0; e = 0; l = 0; s = 0; free = 0; closed = 0; unrung = 0; incarnation = 255 }
  if :: sequence[h % N] == h + 1 -> if KILLP :: h = h + 1; head = h fi :: else fi; /* adopt 3 */
  if KILLP :: detached = 0; evicted = 0 fi; /* adopt 5 */
  if KILLP :: verdict = 0 fi;
#ifndef DROP_TAKE_OVER
#ifdef TAKE_OVER_LEASE_FIRST
  if KILLP :: s = lease fi;
#endif
  if KILLP :: e = owner_epoch fi;
  if KILLP :: l = live fi;
  if KILLP :: t = tail fi;
#ifndef TAKE_OVER_LEASE_FIRST
  if KILLP :: s = lease fi;
#endif
  if
  KILLP
  :: atomic { skip;
       if
       :: l == e && (h - t > N || t > h) -> assert(e == 0 || living != e || !BLAMELESS(e)); verdict = e + 1
       :: else -> if :: s == 0 -> assert(e == 0 || living != e); verdict = e + 1 :: else fi
       fi
     }
  fi;
#endif
  if KILLP :: s = filled fi; /* adopt 6: bells.pml has its parts */
  if :: s == 0 -> if KILLP :: filled = 1 fi :: else fi;
  atomic { t = 0; e = 0; l = 0; s = 0; incarnation = producer_kills }
  do
#ifdef SILENT_END
  :: tries >= K -> break
#else
  :: tries >= K && !unrung -> break
  :: tries >= K && unrung -> RING
#endif
  :: tries < K ->
ask:
#ifdef KEEP_EPOCH
     if
     :: free
     :: else ->
#endif
     if KILLP :: v = verdict fi; /* publish 0 */
     if KILLP :: e = owner_epoch fi;
     if
     :: v == e + 1 || detached == e + 1 || EVICTED(e) -> free = 1
     :: else ->
        free = 0;
        if KILLP :: l = live fi;
        if KILLP :: t = tail fi;
        if
#ifndef DROP_LIVE
        :: l != e -> closed = 1 /* attaching */
#endif
        :: else ->
           if
#ifndef DROP_RANGE
           :: atomic { h - t > N || t > h -> assert(!BLAMELESS(e)); detached = e + 1; free = 1 }
#endif
           :: else -> closed = (h - t >= ROOM)
           fi
        fi
     fi;
#ifdef KEEP_EPOCH
     fi;
#endif
     if
#ifndef SILENT_FREE
     :: unrung && free -> RING; FORGET; goto ask /* rings, and asks anew */
#endif
     :: unrung && closed -> RING; FORGET; goto ask
     :: else
     fi;
     if
#ifdef WAITS
     :: atomic { free || closed -> skip }
#elif defined(WAIT)
     :: atomic { closed -> skip }
#else
     :: atomic { closed -> tries++ }
#endif
     :: else ->
        i = h % N;
        if
        KILLP
        :: atomic {
             assert(h < N || h - N < tail || living == 0 || live != living || verdict == living + 1 || detached == living + 1 || evicted == living + 1);
             sequence[i] = 0; begun[i] = h + 1
           }
        fi;
#ifdef HEAD_FIRST
        if KILLP :: atomic { !head_pending -> head = h + 1 } fi;
        if KILLP :: atomic { sequence[i] = h + 1; tries++; committed = committed | (1 << h) } fi;
#else
        if KILLP :: atomic { sequence[i] = h + 1; tries++; committed = committed | (1 << h) } fi;
        if KILLP :: atomic { head_value = h + 1; head_pending = 1 } fi;
#endif
        h = h + 1;
        if
#ifdef DROP_FREE_BELL
        :: free -> skip
        :: !free -> RING
        :: !free -> unrung = 1
#else
        :: RING
        :: unrung = 1 /* more is in hand: the last of them rings for all */
#endif
        fi
     fi;
#ifdef KEEP_EPOCH
     atomic { t = 0; i = 0; s = 0; closed = 0 }
#else
     atomic { t = 0; i = 0; v = 0; e = 0; l = 0; s = 0; free = 0; closed = 0 }
#endif
  od;
  done = 1
}

active proctype consumer() {
  byte c, h, q, a, o, me;
start:
  atomic { CONSUMER_BUFFER_EMPTY -> lease = 0; living = 0; c = 0; h = 0; q = 0; a = 0; o = 0; me = 0 }
  lease = 1; /* attach 1 */
  atomic { c = upto; a = aggregated; o = overrun }
attach:
  atomic { q = 0; h = 0 }
  if
  KILLC
  :: atomic { !owner_pending -> /* attach 2 */
#ifdef SAME_EPOCH
       me = (owner_epoch == 0 -> 1 : owner_epoch);
#else
       me = owner_epoch + 1;
#endif
       owner_value = me; owner_pending = 1; living = me
     }
  fi;
#ifndef DROP_ATTACH_FENCE
  CONSUMER_BUFFER_EMPTY; /* SYNC(attach) */
#endif
  if KILLC :: h = head fi; /* attach 3 */
#ifdef DROP_ROOM
  do :: c + N < h -> atomic { o = o | (1 << c); c = c + 1 } :: else -> break od;
#else
  do :: c + N < h + 1 -> atomic { o = o | (1 << c); c = c + 1 } :: else -> break od;
#endif
#ifdef LIVE_FIRST
  if KILLC :: STORE_LIVE(me) fi;
#endif
#ifdef LIES
  if
  :: !lied -> atomic { lied = 1; tail = h + 3 }
  :: if KILLC :: STORE_TAIL(c) fi
  fi;
#else
  if KILLC :: STORE_TAIL(c) fi; /* attach 4 */
#endif
#ifndef LIVE_FIRST
  if KILLC :: STORE_LIVE(me) fi; /* attach 5 */
#endif
  CONSUMER_BUFFER_EMPTY; /* the fence of attach 6 */
  do
  :: if KILLC :: h = head fi;
     if
     :: THROWN_OUT -> /* resync: publishes, attaches anew */
        if KILLC :: atomic { upto = c; aggregated = a; overrun = o; h = 0 } fi;
        if KILLC :: STORE_TAIL(c) fi;
        goto attach
     :: else ->
        if
        :: c == h && c == upto ->
endw:      if
           KILLC
           :: atomic { filled > 0 -> filled = 0 }
           :: atomic { THROWN_OUT && !done -> skip } /* the bounded wait */
           fi
        :: c < h ->
           if KILLC :: q = sequence[c % N] fi;
           if
           KILLC
           :: atomic { skip;
                if
                :: q == c + 1 && sequence[c % N] == q -> a = a | (1 << c); c = c + 1
#ifdef RETRY
                :: else -> (sequence[c % N] == c + 1 || THROWN_OUT)
#else
                :: else -> assert(begun[c % N] > c + 1); o = o | (1 << c); c = c + 1
#endif
                fi;
                q = 0
              }
           fi
        :: c != upto ->
           if
           KILLC
           :: atomic {
                upto = c; aggregated = a; overrun = o; assert((a & o) == 0 && (a | o) == (1 << c) - 1);
#ifdef WAITS
                assert(o == 0)
#endif
              }
           fi;
           if KILLC :: STORE_TAIL(c) fi; /* consume 6 */
           CONSUMER_BUFFER_EMPTY /* SYNC(bell) */
        :: else -> assert(c <= h)
        fi
     fi
  od;
#ifdef STOP
stop:
  atomic { CONSUMER_BUFFER_EMPTY -> skip };
ends:
  false
#endif
}

#ifdef LIVE
ltl aggregated_in_the_end { <> (done && upto == head && (aggregated | overrun) == committed) }
#elif defined(STOP)
ltl feed_ends { <> done }
#elif !defined(ATTACH_ALONE)
active proctype rest() {
  timeout -> assert(head == upto && (aggregated | overrun) == committed && (aggregated & overrun) == 0 && lease)
}
#endif
