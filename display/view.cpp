#include "display/view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "display/text.hpp"
#include "rt/histogram.hpp"
#include "shm/alarm_view.hpp"
#include "shm/process_page.hpp"

namespace chappe::display {
namespace {

/// An upper bound of the quantile: that of its bucket, or the greatest value seen where that is less.
std::string quantile(const shm::LatencyView& h, double q) {
  std::uint64_t total = 0, seen = 0;
  for (const auto n : h.counts) total += n;
  if (total == 0) return "-";
  for (std::size_t i = 0; i < h.counts.size(); ++i) {
    seen += h.counts[i];
    if (static_cast<double>(seen) >= q * static_cast<double>(total)) {
      const auto bound = static_cast<std::uint64_t>(rt::Histogram::upper_bound_ns(static_cast<int>(i)));
      return fmt::format("<={:.3g} ms", static_cast<double>(std::min(bound, h.max_ns)) / 1e6);
    }
  }
  return "-";
}

Span process_span(const char* name, const shm::ProcessReport& p) {
  if (!p.alive && p.pid == 0) return {fmt::format("{}: not there", name), Style::bad};
  if (p.ended && p.alive) return {fmt::format("{} {}: ends, once all is read", name, p.pid), Style::warning};
  if (p.ended) return {fmt::format("{} {}: ended {} ago", name, p.pid, age_text(p.age_ms)), Style::warning};
  if (!p.alive) return {fmt::format("{} {}: DEAD, last sign {} ago", name, p.pid, age_text(p.age_ms)), Style::bad};
  if (p.age_ms > 2000) return {fmt::format("{} {}: stalled for {}", name, p.pid, age_text(p.age_ms)), Style::warning};
  return {fmt::format("{} {}: alive", name, p.pid), Style::good};
}

/// The configurations in force: the producer's and the aggregator's.
std::string generations(const shm::Snapshot& s) {
  const auto one = [](const shm::ProcessReport& p) { return p.known ? std::to_string(p.config_generation) : std::string("-"); };
  return fmt::format("configuration {} / {}", one(s.producer), one(s.aggregator));
}

std::int64_t unexplained(const shm::Ledger& ledger) {
  std::int64_t sum = 0;
  for (const auto& a : ledger.streams) sum += std::abs(a.unexplained);
  return sum;
}

Span ledger_span(const shm::Ledger& ledger) {
  if (ledger.streams.empty()) return {"no ledger", Style::warning};  // an account of nothing closes, and says nothing
  std::uint64_t dropped = 0, overrun = 0, flight = 0;
  for (const auto& a : ledger.streams) {
    dropped += a.dropped.sum();
    overrun += a.overrun + a.overrun_pending;
    flight += a.in_flight;
  }
  const std::int64_t lost = unexplained(ledger);
  const std::string verdict = !ledger.settled ? "in motion" : lost == 0 ? "closes" : fmt::format("UNEXPLAINED {}", lost);
  const Style style = ledger.settled && lost != 0 ? Style::bad : dropped + overrun > 0 ? Style::warning : Style::good;
  return {fmt::format("ledger {}  dropped {}  overrun {}  in flight {} frames", verdict, dropped, overrun, flight), style};
}

Span realtime_span(const char* name, const shm::ProcessReport& p, bool unicode) {
  std::string text = fmt::format("{}:", name);
  bool refused = !p.realtime_refused.empty();
  std::string last;
  for (const auto& t : p.threads) {
    // Processors only where they were asked for: elsewhere it is all of them.
    const bool refused_one = (t.asked_fifo && (!t.granted_fifo || t.granted_priority != t.asked_priority)) ||
                             (t.asked_cpus != 0 && t.granted_cpus != t.asked_cpus);
    std::string one =
        " " + shown(t.name, unicode) + " " + shm::schedule_text(t.granted_fifo, t.granted_priority, t.asked_cpus != 0 ? t.granted_cpus : 0);
    if (refused_one) one += " (asked " + shm::schedule_text(t.asked_fifo, t.asked_priority, t.asked_cpus) + ")";
    refused = refused || refused_one;
    if (one != last) text += one;
    last = one;
  }
  text += p.locked_bytes > 0 ? " locked" : " not locked";
  return {text, refused ? Style::warning : Style::normal};
}

/// Of a consumer that lives and lets blocks wait.
Span gate_span(const shm::GateView& gate) {
  const std::string who = fmt::format("gate {} (process {}): ", gate.gate, gate.pid);
  if (gate.state == "evicted")
    return {who + fmt::format("EVICTED, stands for {}: new blocks overwrite what it has not read", age_text(gate.standing_ms)), Style::bad};
  return {who + fmt::format("stalled for {}, {} blocks wait", age_text(gate.standing_ms), gate.lag), Style::warning};
}

/// What is raised and not shelved: how much, and the first of it. Nothing where nothing is.
std::vector<Line> alarms(const shm::Snapshot& s, bool unicode) {
  constexpr std::size_t kNamed = 3;
  std::vector<const shm::AlarmView*> raised;
  for (const auto& a : s.alarms) {
    if (a.level != 0 && a.shelved_until_ns == 0) raised.push_back(&a);
  }
  if (raised.empty()) return {};
  std::ranges::sort(raised, {}, [](const auto* alarm) { return std::pair(alarm->acknowledged, alarm); });  // else as they stand
  std::vector<Line> lines;
  for (std::size_t i = 0; i < std::min(raised.size(), kNamed); ++i) {
    const shm::AlarmView& a = *raised[i];
    const Style style = a.acknowledged ? Style::dim : a.state == "warning" ? Style::warning : Style::bad;
    lines.push_back({{fmt::format("{} {} {}: {}{}",
                                  a.state == "warning" ? "WARNING"
                                  : a.state == "stale" ? "STALE"
                                                       : "ALARM",
                                  shown(shm::place_of(a), unicode), shown(a.alarm, unicode), shown(shm::reason_of(a), unicode),
                                  a.acknowledged ? " (acknowledged)" : ""),
                      style}});
  }
  if (raised.size() > kNamed) lines.push_back({{fmt::format("and {} alarms more: chappectl alarms", raised.size() - kNamed), Style::bad}});
  return lines;
}

std::vector<Line> health(const shm::Snapshot& s, bool unicode) {
  std::vector<Line> lines;
  lines.push_back({{fmt::format("chappe {}  ", shown(s.instance, unicode)), Style::heading},
                   process_span("producer", s.producer),
                   {"  ", Style::normal},
                   process_span("aggregator", s.aggregator),
                   {fmt::format("  epoch {}  {}", s.epoch, generations(s)), Style::dim}});
  lines.push_back({{fmt::format("ring {} {} % of {} blocks  ", bar(s.fill, 12, unicode), percent_text(s.fill), s.blocks), Style::normal},
                   ledger_span(s.ledger)});
  lines.push_back({{fmt::format("frame to board  p50 {}  p99 {}  max {:.3g} ms", quantile(s.latency, 0.5), quantile(s.latency, 0.99),
                                static_cast<double>(s.latency.max_ns) / 1e6),
                    Style::normal}});
  lines.push_back(
      {realtime_span("producer", s.producer, unicode), {"  ", Style::normal}, realtime_span("aggregator", s.aggregator, unicode)});
  for (const auto& [name, p] : {std::pair{"producer", &s.producer}, std::pair{"aggregator", &s.aggregator}}) {
    if (!p->reload_ok) lines.push_back({{fmt::format("{}: last reload refused: {}", name, shown(p->reload_error, unicode)), Style::bad}});
    if (p->known && !p->alive) {
      lines.push_back(
          {{fmt::format("the {} {}: values are as of {} ago", name, p->ended ? "has ended" : "is dead", age_text(p->age_ms)), Style::bad}});
    }
  }
  for (const auto& gate : s.gates) {
    if (gate.stands() && s.producer.alive) lines.push_back({gate_span(gate)});
  }
  for (auto& line : alarms(s, unicode)) lines.push_back(std::move(line));
  if (!s.trouble.empty()) lines.push_back({{shown(s.trouble, unicode), Style::bad}});
  return lines;
}

std::vector<Line> table(const shm::Snapshot& s, const History& history, bool unicode) {
  std::vector<Line> rows;
  for (const auto& v : s.streams) {
    const Style style = v.ended ? Style::dim : Style::heading;
    rows.push_back({{fmt::format("{}  {}  age {}  window {}  missing {}  generation {}{}", shown(v.stream, unicode), rate_text(v.rate_hz),
                                 age_text(v.age_ms), v.window, v.missing, v.generation, v.ended ? "  ended" : ""),
                     style}});
    for (const auto& c : v.channels) {
      const auto* past = history.of(v.stream, c.channel);
      rows.push_back({{fmt::format("  {} {} {} {} {} {} {}  ", column(shown(c.channel, unicode), 16), column(shown(c.unit, unicode), 6),
                                   value_text(c.last), value_text(c.mean), value_text(c.min), value_text(c.max), value_text(c.rms)),
                       Style::normal},
                      {past != nullptr ? sparkline(*past, 24, unicode) : "", Style::good}});
    }
  }
  return rows;
}

Line fit(const Line& line, std::size_t width) {
  Line out;
  for (const auto& span : line) {
    const std::string text = cut(span.text, width);
    width -= width_of(text);
    if (!text.empty()) out.push_back({text, span.style});
  }
  return out;
}

}  // namespace

void History::feed(const shm::Snapshot& s) {
  for (const auto& v : s.streams) {
    for (const auto& c : v.channels) {
      auto& values = values_[{v.stream, c.channel}];
      values.push_back(c.last);
      if (values.size() > kLength) values.pop_front();
    }
  }
}

const std::deque<double>* History::of(const std::string& stream, const std::string& channel) const {
  const auto found = values_.find({stream, channel});
  return found == values_.end() ? nullptr : &found->second;
}

std::size_t last_first_row(const shm::Snapshot& s, const Look& look) {
  std::size_t rows = 0;
  for (const auto& v : s.streams) rows += 1 + v.channels.size();
  const std::size_t above = health(s, look.unicode).size() + 1;  // and the table's heading
  const std::size_t room = look.height > above ? look.height - above : 1;
  return rows > room ? rows - room : 0;
}

std::vector<Line> render(const shm::Snapshot& s, const History& history, const Look& look) {
  std::vector<Line> lines = health(s, look.unicode);
  lines.push_back({{fmt::format("  {} {} {:>10} {:>10} {:>10} {:>10} {:>10}", column("channel", 16), column("unit", 6), "last", "mean",
                                "min", "max", "rms"),
                    Style::dim}});
  const auto rows = table(s, history, look.unicode);
  for (std::size_t i = std::min(look.first_row, last_first_row(s, look)); i < rows.size() && lines.size() < look.height; ++i)
    lines.push_back(rows[i]);
  if (lines.size() > look.height) lines.resize(look.height);
  for (auto& line : lines) line = fit(line, look.width);
  return lines;
}

std::string plain_line(const shm::Snapshot& s) {
  double samples = 0;
  std::string rates;
  for (const auto& v : s.streams) {
    if (std::isfinite(v.rate_hz)) samples += v.rate_hz * static_cast<double>(v.sampled());
    rates += fmt::format("  {} {}", shown(v.stream, false), rate_text(v.rate_hz));
  }
  return fmt::format("{}; {}; {}; {}; {:.0f} samples/s{}", process_span("producer", s.producer).text,
                     process_span("aggregator", s.aggregator).text, ledger_span(s.ledger).text, generations(s), samples, rates);
}

std::string to_text(const shm::Snapshot& s, bool unicode) {
  std::string out;
  for (const auto& line : render(s, {}, {.width = 200, .height = 100'000, .unicode = unicode, .first_row = 0})) {
    for (const auto& span : line) out += span.text;
    out += '\n';
  }
  return out;
}

std::string to_csv(const shm::Snapshot& s) {
  const auto number = [](double v) { return std::isfinite(v) ? fmt::format("{}", v) : std::string(); };
  std::string out = "stream,channel,unit,last,mean,min,max,rms,count,nan,age_ms,window,generation\n";
  const auto quote = [](const std::string& foreign) {
    const std::string text = without_controls(foreign);
    if (text.find_first_of(",\"") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + '"';
  };
  for (const auto& v : s.streams) {
    for (const auto& c : v.channels) {
      out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{}\n", quote(v.stream), quote(c.channel), quote(c.unit), number(c.last),
                         number(c.mean), number(c.min), number(c.max), number(c.rms), c.count, c.nan, v.age_ms, v.window, v.generation);
    }
  }
  return out;
}

}  // namespace chappe::display
