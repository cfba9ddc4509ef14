/* The bells: publish bell, consume 1 and 6, adopt 6, attach 6, for a producer that waits (on_full = "wait"). A semaphore is a value and a
   sleeper, as the futex below it is: sem_post adds, and then wakes, and a kill may fall in between. `head` and `tail` wait in a store buffer
   of one entry each; a fence drains it. The producer rings once for a burst, of any length. -DARM: the decrement of a successful wait may become visible after the next load of the cursor,
   unless the sleeper fences. Nothing here wakes by time: the bounded waits only hide what this must find.
   Holds: at rest everything is published and consumed; a semaphore's value stays 0 or 1.
   -DDROP_PRODUCER_FENCE, -DDROP_CONSUMER_FENCE: between cursor and value. -DDROP_SLEEPER_FENCE (with ARM). -DDROP_ADOPT_BELL,
   -DDROP_ATTACH_BELL. -DCOALESCE: adopt and attach post only if the value is 0. -DBELL_BEFORE_LIVE: attach 6 before attach 5.
   -DSILENT_WAIT: the producer does not ring for what it has published before it sleeps; -DSILENT_END: nor at its end.
   -DPOST_ALWAYS: the value is not looked at before a post. -DLIVE: everything is consumed in the end, in every fair run. */
#ifndef N
#define N 2
#endif
#ifndef K
#define K 4
#endif
#ifndef KP
#define KP 1
#endif
#ifndef KC
#define KC 1
#endif
byte head, tail, filled, free;
bool consumer_sleeps, producer_sleeps;
bool filled_taken, free_taken; /* decrements that are not visible yet (ARM) */
bool head_pending, tail_pending;
byte head_value, tail_value;
bool lease, live;
byte producer_kills, consumer_kills;
#define KILLP :: producer_kills < KP -> producer_kills++; goto start
#define KILLC :: consumer_kills < KC -> consumer_kills++; goto start

active proctype memory() {
end:
  do
  :: atomic { head_pending -> head = head_value; head_pending = 0 }
  :: atomic { tail_pending -> tail = tail_value; tail_pending = 0 }
  :: atomic { filled_taken -> filled--; filled_taken = 0 }
  :: atomic { free_taken -> free--; free_taken = 0 }
  od
}

active proctype watcher() {
end:
  do :: atomic { !lease && live -> live = 0 } od
}

inline post_filled() {
  if KILLP :: atomic { !head_pending -> if :: filled_taken -> filled--; filled_taken = 0 :: else fi; filled++; assert(filled <= 1) } fi;
  if KILLP :: consumer_sleeps = 0 fi
}
inline bell() { /* publish bell */
  unrung = 0;
#ifndef DROP_PRODUCER_FENCE
  !head_pending; /* SYNC(bell) */
#endif
#ifdef POST_ALWAYS
  post_filled();
#else
  if KILLP :: s = filled fi;
  if :: s == 0 -> post_filled() :: else fi;
#endif
  s = 0
}
inline post_free() {
  if KILLC :: atomic { !tail_pending -> if :: free_taken -> free--; free_taken = 0 :: else fi; free++; assert(free <= 1) } fi;
  if KILLC :: producer_sleeps = 0 fi
}

active proctype producer() {
  byte h, t, s;
  bool l, unrung;
start:
  atomic { !head_pending && !free_taken -> h = head; t = 0; s = 0; l = 0; unrung = 0; producer_sleeps = 0 }
#ifndef DROP_ADOPT_BELL
#ifdef COALESCE
  if KILLP :: s = filled fi;
  if :: s == 0 -> post_filled() :: else fi;
#else
  if KILLP :: atomic { skip; if :: filled > 0 && !filled_taken -> filled-- :: else fi } fi;
  post_filled();
#endif
#endif
  s = 0;
  do
#ifdef SILENT_END
  :: h >= K -> break
#else
  :: h >= K && !unrung -> break
  :: h >= K && unrung -> bell()
#endif
  :: h < K ->
     if KILLP :: l = live fi;
     if KILLP :: t = tail fi;
     if
     :: l && h - t < N ->
        if KILLP :: atomic { !head_pending -> head_value = h + 1; head_pending = 1 } fi;
        h = h + 1;
        if :: bell() :: unrung = 1 fi
#ifndef SILENT_WAIT
     :: !(l && h - t < N) && unrung -> bell() /* and asks anew */
     :: !(l && h - t < N) && !unrung ->
#else
     :: else ->
#endif
        if
        KILLP
#ifdef ARM
        :: atomic { !head_pending && free > 0 && !free_taken -> free_taken = 1 }
#ifndef DROP_SLEEPER_FENCE
           ; !free_taken
#endif
#else
        :: atomic { !head_pending && free > 0 -> free-- }
#endif
        :: atomic { !head_pending && free == 0 && !free_taken -> producer_sleeps = 1 };
           if
           KILLP
           :: !producer_sleeps
           fi
        fi
     fi;
     atomic { t = 0; l = 0 }
  od
}

active proctype consumer() {
  byte c, h, s;
start:
  atomic { !tail_pending && !filled_taken -> lease = 0; h = 0; s = 0; consumer_sleeps = 0; c = tail }
  lease = 1;
#ifndef BELL_BEFORE_LIVE
  if KILLC :: live = 1 fi;
#endif
#ifndef DROP_ATTACH_BELL
#ifdef COALESCE
  if KILLC :: s = free fi;
  if :: s == 0 -> post_free() :: else fi;
#else
  if KILLC :: atomic { skip; if :: free > 0 && !free_taken -> free-- :: else fi } fi;
  post_free();
#endif
#endif
#ifdef BELL_BEFORE_LIVE
  if KILLC :: live = 1 fi;
#endif
  s = 0;
  do
  :: if KILLC :: h = head fi;
     if
     :: c < h ->
        if :: c = c + 1 :: c = h fi;
        h = 0;
        if KILLC :: atomic { !tail_pending -> tail_value = c; tail_pending = 1 } fi;
#ifndef DROP_CONSUMER_FENCE
        !tail_pending; /* SYNC(bell) */
#endif
        if KILLC :: s = free fi;
        if :: s == 0 -> post_free() :: else fi;
        s = 0
     :: else ->
endw:   if
        KILLC
#ifdef ARM
        :: atomic { !tail_pending && filled > 0 && !filled_taken -> filled_taken = 1 }
#ifndef DROP_SLEEPER_FENCE
           ; !filled_taken
#endif
#else
        :: atomic { !tail_pending && filled > 0 -> filled-- }
#endif
        :: atomic { !tail_pending && filled == 0 && !filled_taken -> consumer_sleeps = 1 };
ends:      if
           KILLC
           :: !consumer_sleeps
           fi
        fi
     fi
  od
}

#ifdef LIVE
ltl consumed_in_the_end { <> (head == K && tail == K) }
#else
active proctype rest() {
  timeout -> assert(head == K && tail == K)
}
#endif
