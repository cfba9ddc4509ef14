/* The window log: what closes a window, the board, the rows on their way to the log's thread, the file, and the start that cuts, compares and
   writes again. Window k is closed by block k and has one row. The aggregator is killed before any step, also in the middle of a row. The
   board keeps the last H closed windows; the disk may stand still, so rows wait or find no room.
   Holds: the file never has a row twice, nor a torn one before a whole one; at rest the rows in it and those counted as lost are no fewer than
   the closed windows (a row may be counted twice: what was counted since the board's last publication is done again after a kill). A start
   counts nothing if the oldest row that the board still holds is in the file: rows get there in their order, so those before it are there or
   were counted when they found no room.
   -DROWS_FIRST: rows go to the log's thread before the board is published. -DDROP_CUT: the start does not cut a torn last line.
   -DDROP_COMPARE: it writes what the board holds without a look at the file's end. -DDROP_REWRITE: it goes on behind what is there.
   -DDROP_COUNT: it does not count what the board no longer holds. -DLOGGED_EARLY: a row counts as logged when it is handed over.
   -DDROP_SETTLED: a row that found no room is not settled, so that `logged` lags behind for ever. */
#ifndef W
#define W 4 /* windows */
#endif
#ifndef H
#define H 2 /* closed windows that the board keeps */
#endif
#ifndef ROOM
#define ROOM 1 /* rows between the drain and the log's thread */
#endif
#ifndef KC
#define KC 2
#endif
byte board_closed, board_logged; /* the board: one step, board.pml has its parts; upto is `closed`, for each block closes a window */
byte file[W + KC + 1], lines;    /* the file: window + 1 of each row */
bool torn;                       /* and half a row behind them */
byte lost;                       /* rows, in the board's control */
byte kills, life;
/* private to the process */
byte rows[ROOM], handed, taken, written, settled;
bool ready;
#define IN_FILE(k) (seen & (1 << (k)))
#define CHANGED (pending || closed != board_closed || LOGGED != board_logged)
#ifdef LOGGED_EARLY
#define LOGGED (settled + handed)
#else
#define LOGGED (settled + written)
#endif
#define KILL :: kills < KC -> atomic { kills++; life++; ready = 0 }; goto start

active proctype drain() {
  byte closed, logged, k, i, pending, seen;
start:
  atomic { ready = 0; handed = 0; taken = 0; written = 0; settled = 0; k = 0; i = 0; pending = 0; seen = 0; rows[0] = 0; closed = board_closed; logged = board_logged }
#ifndef DROP_CUT
  if KILL :: torn = 0 fi; /* opens: cuts the torn last line, remembers the rows before it */
#endif
  atomic {
    do :: i < lines -> seen = seen | (1 << (file[i] - 1)); i++ :: else -> break od;
    i = 0
  }
#ifdef DROP_COMPARE
  seen = 0;
#endif
#ifndef DROP_REWRITE
  k = logged; /* what the board no longer holds */
#ifndef DROP_COUNT
  if KILL :: atomic { skip; do :: k + H < closed -> if :: IN_FILE(closed - H) -> skip :: else -> lost++ fi; k++ :: else -> break od } fi;
#else
  do :: k + H < closed -> k++ :: else -> break od;
#endif
  do
  :: k < closed ->
     if
     :: IN_FILE(k) -> skip
     :: else -> if KILL :: atomic { assert(!torn); torn = 1 } fi;
                if KILL :: atomic { torn = 0; file[lines] = k + 1; lines++ } fi
     fi;
     k++
  :: else -> break
  od;
#endif
  atomic { settled = closed; k = 0; seen = 0; ready = 1 }
  do
  :: closed < W || CHANGED ->
     if
     KILL
     :: closed < W && pending == 0 -> /* consume 5: closes a window, a row for it if there is room */
        if
        :: handed - taken < ROOM -> pending = closed + 1
        :: else ->
           if KILL :: lost++ fi;
#ifndef DROP_SETTLED
           settled++
#endif
        fi;
        closed++;
#ifdef ROWS_FIRST
        if :: pending -> if KILL :: atomic { rows[handed % ROOM] = pending; handed++; pending = 0 } fi :: else fi
#else
        skip
#endif
     :: CHANGED ->
        if KILL :: atomic { board_closed = closed; board_logged = LOGGED } fi; /* board 1 to 4 */
        if :: pending -> if KILL :: atomic { rows[handed % ROOM] = pending; handed++; pending = 0 } fi :: else fi
     fi
  :: closed == W && !CHANGED && written == handed -> break
  od
}

active proctype log_thread() {
  byte me, k;
start:
  atomic { ready -> me = life; k = 0 }
end:
  do
  :: atomic { life != me -> k = 0 }; goto start
  :: atomic { life == me && ready && k == 0 && taken < handed -> k = rows[taken % ROOM]; taken++ }
  :: atomic { life == me && ready && k != 0 && !torn -> torn = 1 } /* a write that a kill cuts */
  :: atomic { life == me && ready && k != 0 && torn -> torn = 0; file[lines] = k; lines++; k = 0; written++ }
  od
}

active proctype rest() {
  byte i, seen, rows_there;
  timeout -> atomic {
    assert(board_closed == W && board_logged == W && !torn);
    do
    :: i < lines -> assert(!(seen & (1 << (file[i] - 1)))); seen = seen | (1 << (file[i] - 1)); rows_there++; i++
    :: else -> break
    od;
    assert(rows_there + lost >= W && (kills > 0 || rows_there + lost == W))
  }
}
