/* The slot: publish 1 to 5, adopt 3, and viewers without a gate (docs/protocol.md). The producer runs free and is killed before any step.
   Its plain stores wait in an unordered buffer, as on Arm: any of them may reach memory first; a release store and a fence wait for it to be
   empty. A kill leaves what is buffered to arrive before the successor runs. Two words stand for a block; both carry the number of the
   write, so that a sequence stored twice shows.
   Holds: a viewer never accepts a torn block; a sequence is stored once for ever; what a viewer saw is what stays.
   -DDROP_MARK: no publish 1. -DDROP_MARK_FENCE: its release fence. -DDROP_COMMIT_RELEASE: publish 4 does not wait for the words.
   -DDROP_ROLL: no adopt 3. -DDROP_RECHECK: the viewer does not look at the sequence again. */
#ifndef N
#define N 2 /* slots */
#endif
#ifndef K
#define K 4 /* blocks */
#endif
#ifndef KP
#define KP 2 /* kills of the producer */
#endif
#ifndef VIEWERS
#define VIEWERS 1
#endif
#ifndef LOOKS
#define LOOKS 2
#endif
byte head, sequence[N], word0[N], word1[N];
byte writes, kills, first[K + 1], seen[K + 1]; /* by sequence: the write that was committed under it; the write that a viewer accepted */
bool done, mark_pending, word0_pending, word1_pending;
byte at, value0, value1;
#define BUFFER_EMPTY (!mark_pending && !word0_pending && !word1_pending)
#define KILL :: kills < KP -> kills++; goto start

active proctype memory() {
end:
  do
  :: atomic { mark_pending -> sequence[at] = 0; mark_pending = 0 }
  :: atomic { word0_pending -> word0[at] = value0; word0_pending = 0 }
  :: atomic { word1_pending -> word1[at] = value1; word1_pending = 0 }
  :: done && BUFFER_EMPTY -> break
  od
}

active proctype producer() {
  byte h, i, me;
start:
  atomic { BUFFER_EMPTY -> h = head; i = 0; me = 0 }
#ifndef DROP_ROLL
  if :: sequence[h % N] == h + 1 -> if KILL :: h = h + 1; head = h fi :: else fi; /* adopt 3 */
#endif
  do
  :: h >= K -> break
  :: else ->
     atomic { i = h % N; writes++; me = writes; at = i }
#ifndef DROP_MARK
     if KILL :: mark_pending = 1 fi; /* publish 1 */
#ifndef DROP_MARK_FENCE
     BUFFER_EMPTY; /* SYNC(mark) */
#endif
#endif
     if KILL :: atomic { value0 = me; word0_pending = 1 } fi; /* publish 3 */
     if KILL :: atomic { value1 = me; word1_pending = 1 } fi;
#ifndef DROP_COMMIT_RELEASE
     BUFFER_EMPTY; /* SYNC(commit) */
#endif
     if KILL :: atomic { assert(first[h + 1] == 0); sequence[i] = h + 1; first[h + 1] = me } fi; /* publish 4 */
     if KILL :: head = h + 1 fi; /* publish 5 */
     BUFFER_EMPTY;
     h = h + 1
  od;
  done = 1
}

active [VIEWERS] proctype viewer() {
  byte i, q, a, b, looks;
  do
  :: looks < LOOKS ->
     looks++;
     if :: i = 0 :: i = N - 1 fi;
     q = sequence[i];
     if
     :: q == 0 -> skip
     :: else ->
        a = word0[i];
        b = word1[i];
        atomic {
          if
#ifdef DROP_RECHECK
          :: true
#else
          :: sequence[i] == q
#endif
             -> assert(a == b && a == first[q] && (seen[q] == 0 || seen[q] == a)); seen[q] = a
          :: else
          fi
        }
     fi;
     atomic { q = 0; a = 0; b = 0; i = 0 }
  :: else -> break
  od
}

active proctype rest() {
  byte k;
  timeout -> atomic {
    assert(head == K);
    k = 1;
    do :: k <= K -> assert(first[k] != 0 && (seen[k] == 0 || seen[k] == first[k])); k++ :: else -> break od
  }
}
