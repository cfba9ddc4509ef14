// Why the semaphores are only bells: the same kill, between taking and giving back, at the textbook's ring and at ours.
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <csignal>

#include "fixture.hpp"

namespace chappe::shm {
namespace {

constexpr int kSlots = 8;

/// Runs `body` in a child, which must kill itself in it.
template <class Body>
void in_a_killed_child(Body body) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    body();
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child did not come as far as the kill";
}

struct Classical {
  sem_t filled, free;
};

TEST(ClassicalSemaphores, lose_a_slot_with_every_consumer_killed_between_taking_and_giving) {
  void* page = mmap(nullptr, sizeof(Classical), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto* ring = static_cast<Classical*>(page);
  sem_init(&ring->filled, 1, 0);
  sem_init(&ring->free, 1, kSlots);
  for (int i = 0; i < kSlots; ++i) {
    ASSERT_EQ(sem_trywait(&ring->free), 0) << "the writer finds a slot";
    sem_post(&ring->filled);
    in_a_killed_child([&] {
      sem_wait(&ring->filled);
      raise(SIGKILL);  // here it would read the slot, and then post `free`
    });
  }
  int filled = 0;
  sem_getvalue(&ring->filled, &filled);
  EXPECT_EQ(filled, 0) << "nothing is left to be read";
  EXPECT_EQ(sem_trywait(&ring->free), -1) << "and yet no slot is free, ever again";
  munmap(page, sizeof(Classical));
}

TEST_F(RingTest, loses_no_slot_and_no_block_with_consumers_killed_between_taking_and_giving) {
  RingWriter ring = make();
  GateKeeper keeper(ring, kAggregatorGate);
  keeper.take_over();
  constexpr std::uint64_t kBlocks = kSlots - 1;  // attaching keeps off the slot that a writer may be in
  for (std::uint64_t i = 0; i < kBlocks; ++i) {
    put(ring, i);
    in_a_killed_child([&] {
      const RingReader reader = read();
      auto gate = GateHolder::open(instance_, reader, kAggregatorGate);
      if (!gate || !*gate) return;
      BlockHead block;
      const std::byte* payload = nullptr;
      if (reader.look((*gate)->attach(reader, 0), block, payload)) raise(SIGKILL);
    });
  }
  const RingReader reader = read();
  auto gate = GateHolder::open(instance_, reader, kAggregatorGate);
  ASSERT_TRUE(gate && *gate);
  EXPECT_EQ((*gate)->attach(reader, 0), 0U);
  for (std::uint64_t next = 0; next < kBlocks; ++next) {
    BlockHead block;
    const std::byte* payload = nullptr;
    EXPECT_TRUE(reader.look(next, block, payload));
    EXPECT_EQ(block.first_frame, next * block.frames);
    (*gate)->release(next + 1);
  }
  for (std::uint64_t i = 0; i < kSlots; ++i) {
    EXPECT_EQ(keeper.may_pass(), Passage::open);
    put(ring, kBlocks + i);
  }
}

}  // namespace
}  // namespace chappe::shm
