/* The names: create, adopt, supersede, attach, drain, end. An object is a number, its incarnation; a name is a variable that leads to one.
   PRODUCERS compete for one instance, each wants a geometry of its own; one aggregator, whose board survives it. All are killed before
   any step. A producer commits up to BLOCKS blocks of one frame at each start; no ring is ever full here (gate.pml), gates and ring are one
   step to open, and the board is one step to publish (board.pml).
   Holds: one producer writes at a time; no frame is merged twice or out of order; a frame that was committed is merged, unless it stood in a
   predecessor that gave way to another one, and then it is counted; at rest both producers have ended in order, and no name is left.
   -DRING_FIRST: create 4 names the ring before the gates. -DLATE_LEASE: create 3 after create 4. -DDROP_LEASE: adopt 1 does not wait for
   the lease. -DDROP_NAME_CHECK: nor looks whether the locked gates still have the name. -DDROP_MAKING: adopt 2 takes any ring that it finds
   beside the gates. -DDROP_PREDECESSOR: no supersede 1. -DNEW_FIRST: the aggregator takes the ring before what is draining.
   -DDROP_FOLLOWS: and what is draining only if the board speaks of it or of none. -DUNLINK_BY_NAME: the end unlinks the gates first, and
   then whatever has the ring's name. -DLEDGER_LAST: it unlinks the ledger behind the gates. -DDROP_ACKNOWLEDGE: it does not wait.
   -DDROP_STILL_ENDED: end 2 does not look again whether the ring is still at its end. -DDROP_ENDED: a ring is done with once it is merged,
   though the totals are not on the board. */
#ifndef KP
#define KP 1
#endif
#ifndef KC
#define KC 1
#endif
#ifndef BLOCKS
#define BLOCKS 1
#endif
#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef IDS
#define IDS 6
#endif
#define NONE 0
hidden byte bound;                     /* never set: it marks what is a limit of this model and no rule, for tests/model/check */
#define BOUND(e) assert(bound || (e))
byte gates, ring, ring_draining, ledger; /* names */
byte geometry[IDS], head[IDS], epoch[IDS], frame[IDS * 4];
bool ended[IDS], retired[IDS], gave_way[IDS];
byte lease[IDS]; /* the producer's, on the gates; 0: free */
byte ids, ledgers, frames;
byte board_ring, board_upto, board_next, merged, missed; /* the board; the last two are bits by frame */
bool board_ended;
byte home[8]; /* of each frame: the ring */
byte producer_kills, aggregator_kills, writers, finished;
#define F(id, k) frame[(id) * 4 + (k)]
#define KILLP :: producer_kills < KP -> producer_kills++; goto start
#define KILLC :: aggregator_kills < KC -> aggregator_kills++; goto start
#ifdef DROP_ENDED
#define DONE_WITH(r) (ended[r] && board_ring == r && board_upto == head[r])
#else
#define DONE_WITH(r) (ended[r] && board_ring == r && board_upto == head[r] && board_ended)
#endif
#define FOLLOWS (head[ring_draining] > 0 && F(ring_draining, head[ring_draining] - 1) >= board_next)
#ifdef DROP_FOLLOWS
#define DRAINING (ring_draining != NONE && (board_ring == NONE || board_ring == ring_draining))
#else
#define DRAINING (ring_draining != NONE && (board_ring == NONE || board_ring == ring_draining || (board_ring != ring && FOLLOWS)))
#endif
#ifdef DROP_MAKING
#define SAME_MAKING (r != NONE)
#else
#define SAME_MAKING (r == g)
#endif
#define LEFT (ring != NONE && board_ring == ring_draining && head[ring_draining] == board_upto)

inline free_leases() {
  atomic {
    i = 1;
    do :: i < IDS -> if :: lease[i] == me -> lease[i] = 0 :: else fi; i++ :: else -> break od;
    i = 0
  }
}

active [PRODUCERS] proctype producer() {
  byte g, r, mine, left, i, old, l, me = _pid + 1;
  bool writing;
start:
  atomic { if :: writing -> writers-- :: else fi; writing = 0; g = 0; r = 0; mine = 0; left = BLOCKS; old = 0; l = 0 }
  free_leases();
again:
  if KILLP :: g = gates fi;
  if
  :: g == NONE -> skip
  :: else ->
     if
     KILLP
#ifdef DROP_LEASE
     :: lease[g] = me
#else
     :: atomic { lease[g] == 0 -> lease[g] = me } /* adopt 1; in truth it is refused, and somebody starts it again */
#endif
     :: atomic { gates != g && lease[g] != 0 -> g = 0 }; goto again
     fi;
#ifndef DROP_NAME_CHECK
     if
     KILLP
     :: atomic { gates == g -> skip }
     :: atomic { gates != g -> lease[g] = 0; g = 0 }; goto again
     fi;
#endif
     skip
  fi;
  if KILLP :: r = ring fi;
  if
  :: r == NONE || lease[r] == me -> skip
  :: else ->
     if
     KILLP
     :: atomic { lease[r] == 0 -> lease[r] = me } /* adopt 2: the ring has a lease too */
     :: atomic { ring != r && lease[r] != 0 -> skip }; goto start
     fi
  fi;
  if
  :: g != NONE && SAME_MAKING && geometry[r] == me -> mine = r; goto opened
  :: else
  fi;
  if
  :: r != NONE && epoch[r] != 0 -> /* one that never was in business holds nothing, and its predecessor stays */
     old = r;
#ifndef DROP_PREDECESSOR
     if
     KILLP
     :: atomic { skip; if :: ring_draining != r && ring_draining != NONE -> gave_way[ring_draining] = 1 :: else fi; ring_draining = r } /* supersede 1 */
     fi
#else
     skip
#endif
  :: else
  fi;
  atomic { BOUND(ids + 1 < IDS); ids++; mine = ids; geometry[mine] = me } /* create 1, 2 */
#ifndef LATE_LEASE
  if KILLP :: lease[mine] = me fi; /* create 3 */
#endif
#ifdef RING_FIRST
  if KILLP :: ring = mine fi;
#endif
  if
  KILLP
  :: atomic { g != NONE || gates == NONE -> gates = mine } /* create 4 */
  :: atomic { g == NONE && gates != NONE -> skip }; goto start
  fi;
#ifdef LATE_LEASE
  if KILLP :: lease[mine] = me fi;
#endif
#ifndef RING_FIRST
  if KILLP :: ring = mine fi;
#endif
  if :: old != NONE -> if KILLP :: atomic { retired[old] = 1; ended[old] = 0 } fi :: else fi; /* supersede 3 */
opened:
  if KILLP :: atomic { skip; if :: ledger == NONE -> ledgers++; ledger = ledgers :: else fi; l = ledger } fi;
  atomic { writers++; writing = 1; ended[mine] = 0; retired[mine] = 0; assert(writers == 1) }
  if KILLP :: epoch[mine] = epoch[mine] + 1 fi; /* adopt 6 */
  do
  :: left > 0 && frames < 7 && head[mine] < 4 ->
     if KILLP :: atomic { assert(ledger == l); F(mine, head[mine]) = frames; home[frames] = mine; head[mine]++; frames++; left-- } fi
  :: break
  od;
  if KILLP :: ended[mine] = 1 fi; /* end 1 */
#ifndef DROP_ACKNOWLEDGE
  if KILLP :: atomic { board_ring == mine && board_upto == head[mine] && board_ended -> skip } fi; /* end 3 */
#endif
  atomic { writers--; writing = 0 }
#ifndef LEDGER_LAST
  if KILLP :: atomic { skip; if :: ledger == l -> ledger = NONE :: else fi } fi; /* end 3: the gates last, their lease guards the rest */
#endif
  if KILLP :: ring_draining = NONE fi;
#ifdef UNLINK_BY_NAME
  if KILLP :: gates = NONE fi;
  if KILLP :: ring = NONE fi;
#else
  if KILLP :: atomic { skip; if :: ring == mine -> ring = NONE :: else fi } fi;
  if KILLP :: atomic { skip; if :: gates == mine -> gates = NONE :: else fi } fi;
#endif
#ifdef LEDGER_LAST
  if KILLP :: atomic { skip; if :: ledger == l -> ledger = NONE :: else fi } fi;
#endif
  free_leases();
  finished++
}

active proctype aggregator() {
  byte r, at, i, f;
  bool gated;
start:
  atomic { r = 0; at = 0; i = 0; f = 0; gated = 0 }
look:
  atomic { r = 0; at = 0; gated = 0 }
idle:
  if
  KILLC
#ifndef NEW_FIRST
  :: atomic { DRAINING && !LEFT -> r = ring_draining }
  :: atomic { !(DRAINING && !LEFT) && ring != NONE && gates == ring && epoch[ring] != 0 && !DONE_WITH(ring) -> r = ring; gated = 1 }
#else
  :: atomic { ring != NONE && gates == ring && epoch[ring] != 0 && !DONE_WITH(ring) -> r = ring; gated = 1 }
#endif
  :: atomic { finished == PRODUCERS -> skip }; goto over
  fi;
  if
  KILLC
  :: atomic { skip; if :: board_ring != r -> board_ring = r; board_upto = 0 :: else fi; board_ended = 0; at = board_upto } /* attach 4 */
  fi;
  do
  :: if
     KILLC
     :: atomic { at < head[r] -> /* consume, board */
          f = F(r, at);
          assert(f >= board_next);
          i = board_next;
          do :: i < f -> assert(gave_way[home[i]]); missed = missed | (1 << i); i++ :: else -> break od;
          merged = merged | (1 << f); board_next = f + 1; at++; board_upto = at; i = 0; f = 0
        }
     :: atomic { at == head[r] && (retired[r] || !gated) && !ended[r] -> skip }; break
     :: atomic { at == head[r] && ended[r] -> skip };
        if KILLC :: f = frames fi; /* end 2: the totals first, and then whether they are still the end */
        if
        KILLC
#ifndef DROP_STILL_ENDED
        :: atomic { !ended[r] || at != head[r] || ring != r -> f = 0 }
        :: atomic { ended[r] && at == head[r] && ring == r ->
#else
        :: atomic { true ->
#endif
             i = board_next;
             do :: i < f -> assert(gave_way[home[i]]); missed = missed | (1 << i); i++ :: else -> break od;
             board_ended = 1; i = 0; f = 0
           }
        fi;
        break
     :: atomic { at == head[r] && gated && ring != r && !retired[r] && !ended[r] -> skip }; break /* it lost its name without a word */
     fi
  od;
  goto look;
over:
  skip
}

active proctype rest() {
  timeout -> assert(finished == PRODUCERS && ring == NONE && gates == NONE && ring_draining == NONE && ledger == NONE);
  assert((merged | missed) == (1 << frames) - 1 && (merged & missed) == 0)
}
