// How a process describes itself in shared memory: configuration in force, last reload, what real time was asked and granted. Written by
// one ordinary thread under a sequence that is odd while writing; a writer killed in between leaves it odd, and the next one starts over.
#pragma once
#include "rt/thread.hpp"
#include "shm/layout.hpp"
#include "shm/snapshot.hpp"

namespace chappe::shm {

/// Writes what of `report` a process knows of itself (not alive, pid, age).
void write_process_page(ProcessPage& page, const ProcessReport& report) noexcept;
/// What a thread asked and got, as of now; the cause of a refusal is appended to `refused`.
ThreadReport report_of(const rt::Thread& thread, std::string& refused);
/// "0,1" for a bit mask.
std::string processors_text(std::uint64_t cpus);
/// "fifo 60 on 0,1"; `cpus`: bit mask, 0: any.
std::string schedule_text(bool fifo, int priority, std::uint64_t cpus);
/// One line for the log: each thread's wish and grant, and the memory lock.
std::string realtime_text(const ProcessReport& report);
/// Enters the outcome of a reload: an empty `error` means that it is in force.
void note_reload(ProcessReport& report, const std::string& error, std::uint32_t generation, std::uint64_t config_hash);
/// False: nobody has written it, or the writer was killed while writing.
bool read_process_page(const ProcessPage& page, ProcessReport& report);

}  // namespace chappe::shm
