/*
 * fork_registry.pml: threads record, replace, forget and prune while another one forks. fork(2) copies
 * the descriptors at one instant and the memory at a later one, which then holds a prefix of what each
 * thread did. Sequentially consistent. Each #ifdef is a mutant, which removes or moves a step of the
 * real protocol; tests/proof/prove expects spin to refute each, and to verify the protocol itself.
 * ONCE is none: where two workers connect, neither does so again on a socket whose connect() failed.
 *
 * What holds for every child:
 *   (i)  a socket that was on record when the descriptors were copied is cut off, or never connected
 *        from then on; unless the call that records it had yet to do so, or its connect() had failed;
 *   (ii) nothing is cut off that no connect() ever recorded;
 * and in the parent:
 *   (iii) a connection that nobody closed is on record.
 *
 * tab: descriptor -> socket. rec: struct entry's identity; listed, version: its bit, and the count
 * beside it, in struct leaf (registry.c). The ring: fork_ring.c. 0: no socket; TAKEN: a number that a
 * system call reserved.
 */

/* What the workers do, once each: every pair of these, or what A, B and C name. */
#define CONNECT 0 /* perhaps close(), then socket() and connect() */
#define CLOSE 1
#define COPY 2 /* dup2() */
#define PRUNE 3 /* as a thread that forks does first */
#define NONE 4
#define NUM 2 /* descriptor numbers */
#define IDS 4 /* sockets that may ever exist, and 0 */
#define RING 16 /* RING_SIZE in fork_ring.c */
#define TAKEN 15
#define COPYABLE(n, m) (tab[n] != 0 && tab[n] != TAKEN && !pin[n] && !pin[m] && tab[m] != TAKEN)

byte tab[NUM], rec[NUM], nfd[RING], nid[RING], added, under_way, made;
byte version[NUM];
bool listed[NUM];
bool again = true; /* may a worker connect() again where that failed? */

/* Ghosts. pin: a thread is inside a call with this number. */
bool live[IDS], kept[IDS], mine[IDS], pin[NUM];
bool failed[IDS], unrecorded[IDS]; /* its connect() did, or has yet to record it */
byte unfinished[NUM]; /* the socket that a dup2() has yet to record there */

inline ring_add(n, old) { /* fork_ring_add */
    if
    :: under_way == 0 -> skip
    :: else ->
       d_step { nfd[added % RING] = n; nid[added % RING] = old; added++ }
    fi
}

inline cas(n, from, to, won) { /* atomic_compare_exchange_strong */
    atomic { if :: rec[n] == from -> rec[n] = to; won = true :: else -> won = false fi }
}

inline list(n) { /* list */
#ifdef NO_VERSION
    listed[n] = true
#else
    atomic { listed[n] = true; version[n]++ }
#endif
}

inline fill(n, id) { /* fill_entry */
    do
    :: if
       :: old == id ->
          cas(n, id, id, won);
          if
          :: won ->
#ifndef LIST_ONCE
             list(n);
#endif
             break
          :: else
          fi
       :: else ->
#if !defined(NO_NOTE) && !defined(LATE_NOTE)
          if :: old != 0 -> ring_add(n, old) :: else fi;
#endif
#ifndef REPLACE_BLINDLY
          cas(n, old, 0, won);
#else
          rec[n] = 0;
          won = true;
#endif
          if
          :: won ->
#ifdef LIST_FIRST
             list(n);
#endif
#ifndef PUBLISH_BLINDLY
             cas(n, 0, id, won);
#else
             rec[n] = id;
#endif
#ifdef LATE_NOTE
             if :: old != 0 -> ring_add(n, old) :: else fi;
#endif
             if
             :: won ->
#ifndef LIST_FIRST
                list(n);
#endif
                break
             :: else
             fi
          :: else
          fi
       fi;
       old = rec[n];
#ifndef RECORD_BLINDLY
       if :: tab[n] != id -> break :: else fi
#endif
    od;
    atomic { old = 0; won = false }
}

inline forget(n, id) { /* registry_forget */
#ifdef FORGET_NUMBER
    if :: rec[n] != 0 -> ring_add(n, rec[n]) :: else fi;
    rec[n] = 0
#else
    if
    :: rec[n] == id ->
#ifndef FORGET_SILENTLY
       ring_add(n, id);
#endif
       atomic { if :: rec[n] == id -> rec[n] = 0 :: else fi }
    :: else
    fi
#endif
}

inline prune(n) { /* prune_entry */
    atomic { won = listed[n]; seen = version[n] }
    if
    :: won ->
       id = rec[n];
       if
       :: id == 0 || tab[n] != id ->
#ifndef PRUNE_SILENTLY
          if :: id != 0 -> ring_add(n, id) :: else fi;
#endif
          atomic { if :: version[n] == seen -> listed[n] = false :: else fi }
       :: else
       fi
    :: else
    fi;
    atomic { id = 0; won = false; seen = 0 }
}

inline hooked_connect(n) { /* guarded_connect: guard_begin, the real connect, guard_settle */
    old = rec[n]; /* registry_recorded */
    atomic { id = tab[n]; if :: id == own -> failed[id] = false :: else fi } /* two threads never connect one socket */
    if
    :: id == own ->
       if :: rec[n] == id && listed[n] :: else -> atomic { mine[id] = true; unrecorded[id] = true } fill(n, id); unrecorded[id] = false fi;
       if
       :: atomic { live[id] = true; assert(!kept[id]) } /* succeeds, perhaps later */
          assert(tab[n] != id || (rec[n] == id && listed[n])) /* (iii) */
       :: atomic { !live[id] -> failed[id] = true } forget(n, id) /* refused */
       :: live[id] = true; assert(!kept[id]); /* AF_UNSPEC: guard_end */
          atomic { live[id] = false; failed[id] = true } forget(n, id)
       fi
    :: else
    fi
}

inline take(n) { /* a free number, for a new socket */
    if
    :: atomic { tab[0] == 0 -> n = 0; tab[0] = TAKEN; pin[0] = true }
    :: atomic { tab[0] != 0 && tab[1] == 0 -> n = 1; tab[1] = TAKEN; pin[1] = true }
    :: atomic { tab[0] != 0 && tab[1] != 0 -> n = NUM }
    fi
}

inline close_any(n) { /* close(), which no hook sees, perhaps while a connect() waits */
    select(n : 0 .. 1);
    atomic { if :: tab[n] != 0 && tab[n] != TAKEN -> tab[n] = 0 :: else fi }
}

proctype worker(byte kind) {
    byte n, m, id, old, seen, own;
    bool won;
    if
    :: kind == CONNECT -> if :: skip :: close_any(n) fi;
       take(n);
       if
       :: n < NUM ->
          atomic { made++; tab[n] = made; own = made }
          hooked_connect(n);
          if :: failed[own] && again -> hooked_connect(n) :: skip fi;
          atomic { pin[n] = false; own = 0; id = 0 }
       :: else
       fi
    :: kind == CLOSE -> close_any(n)
    :: kind == COPY -> select(n : 0 .. 1); /* dup2(n, m), registry_copy */
       m = 1 - n;
       if
       :: atomic { COPYABLE(n, m) ->
               if :: tab[m] != tab[n] -> unfinished[m] = tab[n] :: else fi;
               tab[m] = tab[n]; pin[n] = true; pin[m] = true }
          id = (listed[n] -> rec[n] : 0);
          old = rec[m]; /* registry_recorded */
          if :: id != 0 && tab[m] == id -> fill(m, id);
             if :: unfinished[m] == id -> unfinished[m] = 0 :: else fi;
             assert(!live[id] || tab[m] != id || (rec[m] == id && listed[m]))
          :: else
          fi;
          atomic { pin[n] = false; pin[m] = false; id = 0 }
       :: else
       fi
    :: kind == PRUNE -> select(n : 0 .. 1); prune(n)
    :: else
    fi
}

byte ctab[NUM], crec[NUM], frec[NUM]; /* the child's; frec: what was on record at the copy */
bool clisted[NUM];

inline copy_memory() {
    for (i : 0 .. NUM - 1) { crec[i] = rec[i]; clisted[i] = listed[i] }
    j = added
}

proctype forker() {
    byte before, i, j;
    before = added; /* fork_ring_begin */
#ifndef NO_PREPARE
    under_way++;
#endif
#ifdef MEMORY_FIRST
    d_step { copy_memory() }
#endif
    d_step { for (i : 0 .. NUM - 1) { ctab[i] = tab[i]; frec[i] = (listed[i] && !failed[tab[i] % IDS] && unfinished[i] != tab[i] && !unrecorded[tab[i] % IDS] -> rec[i] : 0) } }
    d_step { /* the memory, and the child, which is alone with it */
#ifndef MEMORY_FIRST
        copy_memory();
#endif
        do
        :: j == before -> break /* registry_restore, the latest first */
        :: else ->
           j--;
           if
           :: nid[j % RING] != 0 && ctab[nfd[j % RING]] == nid[j % RING] ->
              crec[nfd[j % RING]] = nid[j % RING];
#ifndef RESTORE_UNLISTED
              clisted[nfd[j % RING]] = true
#endif
           :: else
           fi
        od;
        for (i : 0 .. NUM - 1) {
            if
            :: clisted[i] && crec[i] != 0 && crec[i] == ctab[i] -> /* cut_off_inherited */
               assert(mine[ctab[i]]); /* (ii) */
               ctab[i] = TAKEN
            :: else
            fi;
            if
            :: frec[i] != 0 && frec[i] == ctab[i] -> assert(!live[ctab[i]]); kept[ctab[i]] = true /* (i) */
            :: else
            fi
        }
        i = 0; j = 0;
        ctab[0] = 0; ctab[1] = 0; crec[0] = 0; crec[1] = 0; frec[0] = 0; frec[1] = 0;
        clisted[0] = false; clisted[1] = false
    }
#ifndef NO_PREPARE
    under_way--; /* fork_ring_end */
#endif
}

/* One connection is on record at number 0; or at 1 as well, its copy; or at 1 alone, and 0 is stale. */
init {
    byte a, b;
    atomic {
        made = 1; live[1] = true; mine[1] = true;
        tab[0] = 1; rec[0] = 1; listed[0] = true;
        if
        :: skip
        :: tab[1] = 1; rec[1] = 1; listed[1] = true
        :: tab[1] = 1; rec[1] = 1; listed[1] = true; tab[0] = 0
        fi;
#ifdef A
        a = A;
        b = B;
        run worker(C);
#else
        select(a : CONNECT .. PRUNE);
        select(b : CONNECT .. PRUNE); a = (a <= b -> a : NONE);
#endif
#ifdef ONCE
        again = a != CONNECT || b != CONNECT;
#endif
        run worker(a);
        run worker(b);
        run forker();
        a = 0;
        b = 0
    }
}
