#include "torture_ring_plan.hpp"

#include "rt/clock.hpp"

namespace chappe::shm::torture {
namespace {

/// How long a phase takes, about: an order by time spreads over so much.
std::uint64_t span_ns(Phase phase) {
  switch (phase) {
    case Phase::commit:
      return 500;
    case Phase::publish:
    case Phase::bell:
    case Phase::merge:
    case Phase::board:
      return 4'000;
    case Phase::open:
    case Phase::supersede:
      return 600'000;
    default:
      return 200'000;
  }
}

constexpr std::uint64_t kInstants = 5;  // of a start or an end, at most

/// How often a victim passes there while it lives: once in a start or an end, at work again and again, with a board now and then.
std::uint64_t passes_in(Phase target, Dice& dice) {
  switch (target) {
    case Phase::publish:
    case Phase::commit:
    case Phase::bell:
    case Phase::merge:
      return dice.one_in(2) ? 4 : 40;
    case Phase::board:
    case Phase::asleep:
      return 4;
    default:
      return 1;
  }
}

std::uint64_t draw_order(Dice& dice, Phase target) {
  const bool has_instants = target != Phase::open && target != Phase::supersede && target != Phase::commit;
  const bool at_instant = target == Phase::asleep || (has_instants && dice.one_in(2));
  const std::uint64_t most = passes_in(target, dice);
  if (!at_instant) return Seat::order_by_time(target, dice.draw(most), dice.draw(span_ns(target)));
  return Seat::order_at(target, dice.draw(most == 1 ? kInstants : most));
}

Phase draw_target(Dice& dice, Part part, bool supersedes) {
  static constexpr std::array kProducer{Phase::publish, Phase::publish, Phase::publish, Phase::commit, Phase::bell,
                                        Phase::bell,    Phase::bell,    Phase::open,    Phase::repair, Phase::asleep};
  static constexpr std::array kConsumer{Phase::merge, Phase::merge, Phase::merge, Phase::merge,  Phase::board,
                                        Phase::board, Phase::board, Phase::board, Phase::attach, Phase::asleep};
  if (part == Part::consumer) return kConsumer[dice.draw(kConsumer.size())];
  if (supersedes && dice.one_in(2)) return Phase::supersede;
  const Phase target = kProducer[dice.draw(kProducer.size())];
  return target == Phase::open && supersedes ? Phase::supersede : target;
}

}  // namespace

Dice::Dice(std::uint64_t seed, Part part, std::uint64_t number) {
  std::seed_seq words{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32), static_cast<std::uint32_t>(part),
                      static_cast<std::uint32_t>(number)};
  random_.seed(words);
}

/// Two starts of three are told how to die by themselves; whoever does not come there, or was told nothing, is struck when it is due.
Plan plan_of(Dice& dice, Part part, bool supersedes) {
  Plan plan;
  if (dice.one_in(supersedes ? 4 : 8)) plan.early_ns = dice.us(6'000);
  plan.after_data_ns = dice.us(dice.one_in(2) ? 1'000 : 6'000);
  if (!dice.one_in(3)) {
    plan.order = draw_order(dice, draw_target(dice, part, supersedes));
    plan.after_data_ns = dice.us(18'000) + 2 * rt::kMillisecond;  // it mostly gets there sooner
  }
  plan.is_patient = dice.one_in(8);
  plan.stops = dice.draw(100) < 12;
  plan.stop_ns = dice.one_in(50) ? 40 * rt::kMillisecond : dice.us(3'000);
  plan.looks_while_stopped = dice.one_in(4);
  plan.dies_stopped = dice.one_in(2);
  plan.go_on_ns = dice.us(500);
  plan.ends = dice.draw(88) < 6;
  if (dice.one_in(4)) plan.end_order = draw_order(dice, dice.one_in(2) ? Phase::end : Phase::unlink);
  if (dice.one_in(2)) plan.haste_ns = dice.us(4'000);
  return plan;
}

}  // namespace chappe::shm::torture
