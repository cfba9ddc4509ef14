/* The gate: publish 0, watch, attach 2 to 5, adopt 5, detach, with owner_epoch and a live source that never waits. Feed, watcher and
   consumer; producer and consumer are killed before any step. The feed's `head` and the consumer's `owner_epoch` go through a store buffer of
   one entry each, which their fences drain. The board is one step here (board.pml has its parts), a slot is its sequence (slot.pml).
   Holds: nobody living is called dead; a correct consumer is never detached; what an attached consumer may read is not overwritten; each
   block is aggregated or overrun, once; nobody sleeps on data.
   -DDROP_LIVE: the feed judges `tail` before `live` says whose it is. -DDROP_ROOM: attach 4 leaves no slot for the block in the feed's hand.
   -DLEASE_FIRST: the watcher tests the lease before it reads owner_epoch. -DDROP_FREE_BELL: no bell while running free. -DDROP_FEED_FENCE:
   no SYNC(attach) on the feed's side. -DDROP_ATTACH_FENCE: none on the consumer's. -DDROP_TAKE_OVER: no adopt 5. -DDROP_RANGE: a tail out of
   range is believed (with -DLIES: a consumer that once stores a wrong tail). */
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
byte head, tail, live, owner_epoch, sequence[N];
byte verdict, detached;         /* e + 1: the owner_epoch e is dead; detached */
byte upto, aggregated, overrun; /* the board */
byte filled;                    /* the bell */
bool lease, done, head_pending, owner_pending, lied;
byte head_value, owner_value;
byte incarnation = 255; /* of the producer's process; 255: its watcher does not run yet */
byte producer_kills, consumer_kills, tries, committed;
byte living; /* the owner_epoch of the living consumer, 0: none */
#define KILLP :: producer_kills < KP -> producer_kills++; goto start
#define KILLC :: consumer_kills < KC -> consumer_kills++; goto start
#define THROWN_OUT (detached == me + 1 || verdict == me + 1)

active proctype memory() {
end:
  do
  :: atomic { head_pending -> head = head_value; head_pending = 0 }
  :: atomic { owner_pending -> owner_epoch = owner_value; owner_pending = 0 }
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
     :: else
     fi
  od
}

active proctype feed() {
  byte h, t, i, v, e, l, s;
  bool free;
start:
  atomic { !head_pending -> h = head; t = 0; i = 0; v = 0; e = 0; l = 0; s = 0; free = 0; incarnation = 255 }
  if :: sequence[h % N] == h + 1 -> if KILLP :: h = h + 1; head = h fi :: else fi; /* adopt 3 */
  if KILLP :: detached = 0 fi; /* adopt 5 */
  if KILLP :: verdict = 0 fi;
#ifndef DROP_TAKE_OVER
  if KILLP :: e = owner_epoch fi;
  if KILLP :: l = live fi;
  if KILLP :: t = tail fi;
  if
  KILLP
  :: atomic { skip;
       if
       :: !lease || (l == e && (h - t > N || t > h)) -> assert(e == 0 || living != e || lied); verdict = e + 1
       :: else
       fi
     }
  fi;
#endif
  if KILLP :: s = filled fi; /* adopt 6 */
  if :: s == 0 -> if KILLP :: filled = 1 fi :: else fi;
  atomic { t = 0; e = 0; l = 0; s = 0; incarnation = producer_kills }
  do
  :: tries >= K -> break
  :: else ->
     if KILLP :: v = verdict fi; /* publish 0 */
     if KILLP :: e = owner_epoch fi;
     if
     :: v == e + 1 || detached == e + 1 -> free = 1
     :: else ->
        free = 0;
        if KILLP :: l = live fi;
        if KILLP :: t = tail fi;
        if
#ifndef DROP_LIVE
        :: l != e -> t = h - N /* attaching: full */
#endif
        :: else ->
           if
#ifndef DROP_RANGE
           :: atomic { h - t > N || t > h -> assert(lied); detached = e + 1; free = 1 }
#endif
           :: else
           fi
        fi
     fi;
     if
     :: atomic { !free && h - t == N -> tries++ }
     :: else ->
        i = h % N;
        if
        KILLP
        :: atomic {
             assert(h < N || h - N < tail || living == 0 || live != living || verdict == living + 1 || detached == living + 1);
             sequence[i] = 0
           }
        fi;
        if KILLP :: atomic { sequence[i] = h + 1; tries++; committed = committed | (1 << h) } fi;
        if KILLP :: atomic { !head_pending -> head_value = h + 1; head_pending = 1 } fi;
        h = h + 1;
        if
#ifdef DROP_FREE_BELL
        :: free -> skip
        :: !free ->
#else
        :: true ->
#endif
#ifndef DROP_FEED_FENCE
           !head_pending; /* SYNC(bell), SYNC(attach) */
#endif
           if KILLP :: s = filled fi;
           if :: s == 0 -> if KILLP :: filled = 1 fi :: else fi
        fi
     fi;
     atomic { t = 0; i = 0; v = 0; e = 0; l = 0; s = 0; free = 0 }
  od;
  done = 1
}

active proctype consumer() {
  byte c, h, q, a, o, me;
start:
  atomic { !owner_pending -> lease = 0; living = 0; c = 0; h = 0; q = 0; a = 0; o = 0; me = 0 }
  lease = 1; /* attach 1 */
  atomic { c = upto; a = aggregated; o = overrun }
attach:
  atomic { q = 0; h = 0 }
  if KILLC :: atomic { me = owner_epoch + 1; owner_value = me; owner_pending = 1; living = me } fi; /* attach 2 */
#ifndef DROP_ATTACH_FENCE
  !owner_pending;
#endif
  if KILLC :: h = head fi; /* attach 3 */
#ifdef DROP_ROOM
  do :: c + N < h -> atomic { o = o | (1 << c); c = c + 1 } :: else -> break od;
#else
  do :: c + N < h + 1 -> atomic { o = o | (1 << c); c = c + 1 } :: else -> break od;
#endif
#ifdef LIES
  if
  :: !lied -> atomic { lied = 1; tail = h + 3 }
  :: if KILLC :: tail = c fi
  fi;
#else
  if KILLC :: tail = c fi; /* attach 4 */
#endif
  !owner_pending;
  if KILLC :: live = me fi; /* attach 5 */
  do
  :: if KILLC :: h = head fi;
     if
     :: atomic { THROWN_OUT -> upto = c; aggregated = a; overrun = o; h = 0 };
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
                if :: q == c + 1 && sequence[c % N] == q -> a = a | (1 << c) :: else -> o = o | (1 << c) fi;
                c = c + 1; q = 0
              }
           fi
        :: c != upto ->
           if
           KILLC
           :: atomic { upto = c; aggregated = a; overrun = o; assert((a & o) == 0 && (a | o) == (1 << c) - 1) }
           fi;
           if KILLC :: tail = c fi /* consume 6 */
        :: else -> assert(c <= h)
        fi
     fi
  od
}

active proctype rest() {
  timeout -> assert(head == upto && (aggregated | overrun) == committed && (aggregated & overrun) == 0 && lease)
}
