/* The board before the tail: consume, board 1 to 4, attach 4, and viewers of the board. The drain reads ahead, publishes the board (three
   slots and `latest`), and only then moves `tail`; a restart begins at `upto`. Killed before any step on both sides; the consumer's plain
   stores wait in an unordered buffer, as on Arm, until a fence or a release store. A bit per block stands for windows and account.
   Who lives is perfectly known here (gate.pml has the real verdict). EVICT times a living consumer is evicted, wherever it stands.
   Holds: each block is in `aggregated` or `overrun`, once; no block is overwritten that the board does not hold, while its consumer lives; a
   viewer accepts only a whole board, and refuses only when a newer one is there.
   -DTAIL_FIRST: consume 6 before board 1. -DSTART_AT_TAIL: a restart begins at `tail`. -DVIEWER_COMPARES_ALONE: it compares the sequence
   with itself and not with `latest`. -DDROP_BOARD_MARK, -DDROP_BOARD_FENCE: board 1, its fence. -DDROP_BOARD_RELEASE: board 3 does not wait
   for the words. -DLATEST_FIRST: board 4 before 3. -DDROP_STILL: no consume 4 (with EVICT: an evicted consumer between look and merge). */
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
#define KC 2
#endif
#ifndef EVICT
#define EVICT 0
#endif
#ifndef LOOKS
#define LOOKS 1
#endif
byte head, tail, sequence[N], word0[N], word1[N], committed;
byte board_sequence[3] = 3, board_upto[3], board_aggregated[3], board_overrun[3], latest = 3; /* built complete, as number 3 */
bool lease, dead = 1, done;
byte producer_kills, consumer_kills, evictions, tries;
bool mark_pending, upto_pending, aggregated_pending, overrun_pending;
byte at, value_upto, value_aggregated, value_overrun;
#define UPTO board_upto[latest % 3]
#define BUFFER_EMPTY (!mark_pending && !upto_pending && !aggregated_pending && !overrun_pending)
#define KILLP :: producer_kills < KP -> producer_kills++; goto start
#define KILLC :: consumer_kills < KC -> consumer_kills++; goto start

active proctype memory() {
end:
  do
  :: atomic { mark_pending -> board_sequence[at] = 0; mark_pending = 0 }
  :: atomic { upto_pending -> board_upto[at] = value_upto; upto_pending = 0 }
  :: atomic { aggregated_pending -> board_aggregated[at] = value_aggregated; aggregated_pending = 0 }
  :: atomic { overrun_pending -> board_overrun[at] = value_overrun; overrun_pending = 0 }
  od
}

active proctype watcher() {
end:
  do
  :: atomic { !lease && !dead && !done -> dead = 1 }
  :: atomic { lease && !dead && !done && evictions < EVICT -> evictions++; dead = 1 }
  od
}

active proctype producer() {
  byte h, t, i;
  bool free;
start:
  atomic { h = head; t = 0; i = 0; free = 0 }
  if :: sequence[h % N] == h + 1 -> if KILLP :: h = h + 1; head = h fi :: else fi;
  do
  :: tries >= K -> break
  :: else ->
     if KILLP :: free = dead fi;
     if KILLP :: t = tail fi;
     if
     :: atomic { !free && h - t >= N -> tries++ } /* full: counted by ledger.pml */
     :: else ->
        i = h % N;
        if KILLP :: atomic { assert(free || h < N || h - N < UPTO); sequence[i] = 0 } fi;
        if KILLP :: word0[i] = h + 1 fi;
        if KILLP :: word1[i] = h + 1 fi;
        if KILLP :: atomic { sequence[i] = h + 1; tries++; committed = committed | (1 << h) } fi;
        if KILLP :: head = h + 1 fi;
        h = h + 1
     fi;
     atomic { t = 0; free = 0; i = 0 }
  od;
  done = 1
}

active proctype consumer() {
  byte c, h, q, a, b, aggregated, overrun, number, s, upto;
  bool thrown_out;
start:
  atomic { lease = 0; c = 0; h = 0; q = 0; a = 0; b = 0; aggregated = 0; overrun = 0; number = 0; s = 0; upto = 0; thrown_out = 0 }
  atomic { BUFFER_EMPTY -> lease = 1; dead = 0 }
  if KILLC :: number = latest fi;
  atomic {
    s = number % 3; aggregated = board_aggregated[s]; overrun = board_overrun[s];
#ifdef START_AT_TAIL
    c = tail;
#else
    c = board_upto[s];
#endif
    upto = c; assert(board_sequence[s] == number)
  }
attach:
  if KILLC :: h = head fi;
  do :: c + N < h -> atomic { overrun = overrun | (1 << c); c = c + 1 } :: else -> break od;
  if KILLC :: tail = c fi; /* attach 4 */
  do
  :: if KILLC :: h = head fi; /* consume 1 */
     if
     :: c == h && c == upto && !dead ->
endw:   atomic { head != c -> h = head }
     :: else -> thrown_out = dead
     fi;
     if
     :: c < h && !thrown_out ->
        if KILLC :: q = sequence[c % N] fi; /* consume 2 */
        if KILLC :: a = word0[c % N] fi;    /* consume 3 */
        if KILLC :: b = word1[c % N] fi;
        if
        KILLC
        :: atomic { skip;
             if
#ifdef DROP_STILL
             :: q == c + 1
#else
             :: q == c + 1 && sequence[c % N] == q /* consume 4 */
#endif
                -> assert(a == c + 1 && b == c + 1); aggregated = aggregated | (1 << c) /* consume 5 */
             :: else -> overrun = overrun | (1 << c)
             fi;
             c = c + 1; q = 0; a = 0; b = 0
           }
        fi
     :: c != upto || thrown_out ->
#ifdef TAIL_FIRST
        if KILLC :: tail = c fi;
#endif
        atomic { s = (number + 1) % 3; at = s }
#ifndef DROP_BOARD_MARK
        if KILLC :: mark_pending = 1 fi; /* board 1 */
#ifndef DROP_BOARD_FENCE
        BUFFER_EMPTY; /* SYNC(board) */
#endif
#endif
        if KILLC :: atomic { value_upto = c; upto_pending = 1 } fi; /* board 2 */
        if KILLC :: atomic { value_aggregated = aggregated; aggregated_pending = 1 } fi;
        if KILLC :: atomic { value_overrun = overrun; overrun_pending = 1 } fi;
#ifndef DROP_BOARD_RELEASE
        BUFFER_EMPTY;
#endif
#ifdef LATEST_FIRST
        if KILLC :: latest = number + 1 fi;
#else
        if KILLC :: board_sequence[s] = number + 1 fi; /* board 3 */
#endif
        if
        KILLC
        :: atomic { /* board 4 */
#ifndef LATEST_FIRST
             latest = number + 1;
#else
             board_sequence[s] = number + 1;
#endif
             number = number + 1; upto = c;
             assert((aggregated & overrun) == 0 && (aggregated | overrun) == (1 << c) - 1)
           }
        fi;
        BUFFER_EMPTY;
#ifndef TAIL_FIRST
        if KILLC :: tail = c fi; /* consume 6 */
#endif
        if
        :: thrown_out -> atomic { dead = 0; thrown_out = 0 }; goto attach
        :: else
        fi
     :: else
     fi
  od
}

active proctype viewer() {
  byte newest, i, q, u, g, o, looks;
  do
  :: looks < LOOKS ->
     looks++; newest = latest; i = newest % 3; q = board_sequence[i]; u = board_upto[i]; g = board_aggregated[i]; o = board_overrun[i];
     atomic {
       if
#ifdef VIEWER_COMPARES_ALONE
       :: board_sequence[i] == q && q != 0
#else
       :: board_sequence[i] == q && q == newest
#endif
          -> assert((g | o) == (1 << u) - 1)
       :: else -> assert(latest != newest)
       fi
     }
  :: else -> break
  od
}

active proctype rest() {
  timeout -> assert(head == UPTO && tail == head && (board_aggregated[latest % 3] | board_overrun[latest % 3]) == committed
                    && (board_aggregated[latest % 3] & board_overrun[latest % 3]) == 0)
}
