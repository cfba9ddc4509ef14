#include "aggregator/alarms.hpp"

#include <algorithm>
#include <cmath>

#include "aggregator/board_windows.hpp"
#include "config/names.hpp"
#include "rt/clock.hpp"
#include "rt/log.hpp"
#include "shm/alarm_view.hpp"
#include "shm/tables.hpp"

namespace chappe::aggregator {
namespace {

using config::AlarmKind;
using shm::AlarmEntry;

/// As the configuration calls it.
std::string figure_word(const config::Alarm& alarm) {
  if (alarm.kind == AlarmKind::band) return alarm.band;
  const bool judges = alarm.kind == AlarmKind::limit || alarm.kind == AlarmKind::rate || alarm.kind == AlarmKind::zscore;
  return judges ? config::name_of(config::kFigures, alarm.of) : "";
}

std::string duration(std::int64_t ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(ns) * 1e-9);
  return text;
}

bool is_shelved(const AlarmEntry& e) { return e.shelved_until_ns > rt::realtime_ns(); }

std::string name_of(const AlarmEntry& e) {
  const std::string place = e.channel[0] == 0 ? std::string(e.stream) : std::string(e.stream) + "/" + e.channel;
  return "alarm '" + std::string(e.alarm) + "' of " + place;
}

AlarmEntry fresh(const std::string& stream, const std::string& channel, const config::Alarm& alarm, std::uint64_t identity) {
  AlarmEntry e{};
  shm::put_name(e.stream, stream);
  shm::put_name(e.channel, channel);
  shm::put_name(e.alarm, alarm.name);
  e.identity = identity;
  e.value = e.limit = e.latest = kNone;
  e.judged = shm::kJudgedNone;
  return e;
}

bool is_of(const AlarmEntry& e, std::string_view stream, std::string_view alarm, std::string_view channel) {
  return stream == e.stream && alarm == e.alarm && channel == e.channel;
}

}  // namespace

rt::Result<std::unique_ptr<Alarms>> Alarms::open(const std::string& instance, std::optional<gid_t> readers) {
  std::unique_ptr<Alarms> alarms(new Alarms(instance, readers));
  auto object = shm::AlarmWriter::open(instance, readers, alarms->entries_);
  if (!object) return object.error();
  alarms->object_ = std::move(*object);
  alarms->watched_.resize(alarms->entries_.size());
  return alarms;
}

void Alarms::watch(const config::Config& config, std::uint32_t generation, const shm::BoardTables& board) {
  const std::scoped_lock lock(mutex_);
  std::vector<AlarmEntry> entries;
  std::vector<Watched> watched;
  for (const config::Stream& stream : config.streams) {
    if (!stream.alarms.empty())
      watch_stream(stream, stream.windows.empty() ? config.default_windows : stream.windows, board, entries, watched);
  }
  for (const AlarmEntry& old : entries_) {
    const bool stays =
        std::any_of(entries.begin(), entries.end(), [&](const AlarmEntry& e) { return is_of(e, old.stream, old.alarm, old.channel); });
    if (!stays && old.state != 0) lines_.push_back({false, name_of(old) + ": no longer watched"});
  }
  entries_ = std::move(entries);
  watched_ = std::move(watched);
  generation_ = generation;
  changed_ = true;
  publish_locked();
}

/// Of a stream that is not on the board the old entries stand as they are.
void Alarms::watch_stream(const config::Stream& stream, const std::vector<config::Window>& windows, const shm::BoardTables& board,
                          std::vector<AlarmEntry>& entries, std::vector<Watched>& watched) {
  const auto at = shm::find_stream(board.streams, stream.name);
  for (const config::Alarm& alarm : stream.alarms) {
    const config::Window window = alarm.window < windows.size() ? windows[alarm.window] : config::Window{};
    const std::uint64_t identity = identity_of(alarm, window);
    const auto& bands = stream.analysis.spectrum.bands;
    const auto band = static_cast<std::size_t>(std::ranges::find(bands, alarm.band, &config::Band::name) - bands.begin());
    const auto add = [&](const std::string& channel, const std::string& unit, std::size_t index) {
      if (entries.size() == shm::kMaxAlarms) return;
      const auto old = std::find_if(entries_.begin(), entries_.end(), [&](const AlarmEntry& e) {
        return is_of(e, stream.name, alarm.name, channel) && e.identity == identity;
      });
      AlarmEntry& e = entries.emplace_back(old != entries_.end() ? *old : fresh(stream.name, channel, alarm, identity));
      shm::put_name(e.unit, unit_of(alarm, unit));
      shm::put_name(e.kind, config::name_of(config::kAlarmKinds, alarm.kind));
      shm::put_name(e.of, figure_word(alarm));
      watched.push_back({alarm, window, at ? *at : Watched::kNowhere, index, band});
    };
    if (alarm.kind == AlarmKind::stale) {
      add("", "", 0);
      continue;
    }
    if (!at) {
      for (const AlarmEntry& old : entries_) {
        if (stream.name == old.stream && alarm.name == old.alarm && old.identity == identity) {
          entries.push_back(old);
          watched.push_back({alarm, window, Watched::kNowhere, 0, 0});
        }
      }
      continue;
    }
    const shm::StreamEntry& entry = board.streams[*at];
    std::size_t found = 0;
    for (std::uint32_t c = 0; c < entry.channels; ++c) {
      const shm::ChannelEntry& channel = board.channels[entry.first_channel + c];
      if (!alarm.channels.empty() && std::find(alarm.channels.begin(), alarm.channels.end(), channel.name) == alarm.channels.end())
        continue;
      add(channel.name, channel.unit, c);
      ++found;
    }
    if (found < alarm.channels.size())
      lines_.push_back({true, "alarm '" + alarm.name + "': stream " + stream.name + " lacks " +
                                  std::to_string(alarm.channels.size() - found) + " of its channels, which are not watched"});
  }
}

void Alarms::catch_up(shm::BoardWriter& board) {
  const std::scoped_lock lock(mutex_);
  shm::BoardImage& image = board.image();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Watched& w = watched_[i];
    if (w.spec.kind == AlarmKind::band) entries_[i].judged = shm::kJudgedNone;  // who analyses begins anew, and may come by one again
    if (w.stream == Watched::kNowhere || !judges_rows(w.spec.kind)) continue;
    const std::size_t which = w.spec.window;
    const std::uint64_t closed = image.stream(w.stream).closed[which];
    if (entries_[i].judged > closed) entries_[i].judged = closed;  // nothing yet, or the board began anew
    std::uint64_t from = std::max(entries_[i].judged, closed - std::min<std::uint64_t>(closed, image.history()));
    while (from < closed && image.window(w.stream, which, image.closed_record(from)).frames == 0) ++from;  // of a shorter history
    for (std::uint64_t k = from; k < closed; ++k) {
      const std::size_t record = image.closed_record(k);
      judge_window(i, k, window_of(image.window(w.stream, which, record), w.stream, which).head,
                   moments_of(image.moments(w.stream, which, record))[w.channel]);
    }
    entries_[i].missed += from == closed ? closed - entries_[i].judged : 0;
    entries_[i].judged = closed;
  }
  changed_ = true;
  publish_locked();
}

std::vector<bool> Alarms::watched(std::size_t streams) const {
  const std::scoped_lock lock(mutex_);
  std::vector<bool> result(streams, false);
  for (const Watched& w : watched_) {
    if (w.stream < streams && judges_rows(w.spec.kind)) result[w.stream] = true;
  }
  return result;
}

bool Alarms::is_empty() const {
  const std::scoped_lock lock(mutex_);
  return entries_.empty();
}

void Alarms::judge(const Row& row) {
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Watched& w = watched_[i];
    if (w.stream != row.head.stream || w.spec.window != row.head.which || !judges_rows(w.spec.kind)) continue;
    if (w.channel < row.channels.size()) judge_window(i, row.number, row.head, row.channels[w.channel]);
  }
}

/// A window of an earlier configuration is passed over: its bands may be others.
void Alarms::judge_bands(const WindowHead& head, shm::AnalysisImage& image, std::size_t index) {
  const std::scoped_lock lock(mutex_);
  if (head.generation != generation_) return;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Watched& w = watched_[i];
    if (w.stream != head.stream || w.spec.window != head.which || w.spec.kind != AlarmKind::band || !take(i, head.window)) continue;
    const double power = image.channel(index, head.which, w.channel).bands[w.band];
    enter(i, judge_value(w.spec, head, power, entries_[i].memory), static_cast<std::int64_t>(head.window));
  }
}

/// False: it was judged before.
bool Alarms::take(std::size_t i, std::uint64_t number) {
  AlarmEntry& e = entries_[i];
  if (e.judged != shm::kJudgedNone) {
    if (number < e.judged) return false;
    e.missed += number - e.judged;
  }
  e.judged = number + 1;
  return true;
}

void Alarms::judge_window(std::size_t i, std::uint64_t number, const WindowHead& head, const Moments& moments) {
  if (!take(i, number)) return;
  AlarmEntry& e = entries_[i];
  enter(i, aggregator::judge(watched_[i].spec, head, moments, e.memory, watched_[i].window), static_cast<std::int64_t>(head.window));
}

void Alarms::judge_silence(const Newest& newest_ns, std::int64_t attached_ns, std::int64_t now_ns) {
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    AlarmEntry& e = entries_[i];
    if (e.shelved_until_ns != 0 && !is_shelved(e)) {
      e.shelved_until_ns = 0;
      changed_ = true;
      if (e.state != 0) tell(i, 0);
    }
    const Watched& w = watched_[i];
    if (w.stream == Watched::kNowhere || w.spec.kind != AlarmKind::stale) continue;
    const auto newest = newest_ns(w.stream);
    if (!newest) continue;
    if (e.state != 0 && *newest == 0) continue;  // never a frame: it is silent whoever looks
    enter(i, aggregator::judge_silence(w.spec, now_ns - (e.state != 0 ? *newest : std::max(*newest, attached_ns))), 0);
    changed_ = changed_ || now_ns - published_ns_ >= rt::kSecond;
  }
}

void Alarms::enter(std::size_t i, const Verdict& verdict, std::int64_t window) {
  AlarmEntry& e = entries_[i];
  const auto state = static_cast<std::uint32_t>(verdict.state);
  const bool judged = !std::isnan(verdict.value);
  if (judged) e.latest = verdict.value;
  if (judged && (state != e.state || state == 0)) {
    e.value = verdict.value;
    e.limit = verdict.limit;
  }
  if (watched_[i].spec.kind != AlarmKind::stale) changed_ = true;
  if (state == e.state) return;
  e.raised += e.state == 0 ? 1 : 0;
  e.cleared += state == 0 ? 1 : 0;
  e.state = state;
  e.acknowledged = 0;
  e.window = window;
  const std::int64_t before = std::exchange(e.since_ns, rt::realtime_ns());
  changed_ = true;
  if (!is_shelved(e)) tell(i, before);
}

void Alarms::tell(std::size_t i, std::int64_t since_before_ns) {
  const AlarmEntry& e = entries_[i];
  const shm::AlarmView view = shm::alarm_views({&e, 1}, 0)[0];
  const bool raised = e.state != 0;
  std::string text = name_of(e) + ": " + (raised ? view.state : "ok again");
  if (!raised && since_before_ns != 0) text += " after " + duration(e.since_ns - since_before_ns);
  lines_.push_back({raised, text + ", " + shm::reason_of(view)});
}

void Alarms::publish() {
  const std::scoped_lock lock(mutex_);
  publish_locked();
}

void Alarms::publish_locked() {
  if (changed_) {
    object_->publish(entries_, generation_);
    published_ns_ = rt::monotonic_ns();
  }
  changed_ = false;
  for (const Line& line : lines_) rt::log(line.raised ? rt::LogLevel::warn : rt::LogLevel::info, line.text);
  lines_.clear();
}

rt::Result<std::vector<std::size_t>> Alarms::chosen(const AlarmChoice& choice) const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const AlarmEntry& e = entries_[i];
    if (choice.alarm == e.alarm && (choice.stream.empty() || choice.stream == e.stream) &&
        (choice.channel.empty() || choice.channel == e.channel))
      found.push_back(i);
  }
  if (!found.empty()) return found;
  std::string where = choice.stream.empty() ? "" : " of stream '" + choice.stream + "'";
  if (!choice.channel.empty()) where += " on channel '" + choice.channel + "'";
  return rt::Error{EX_USAGE, "there is no alarm '" + choice.alarm + "'" + where + "; `chappectl alarms` lists them"};
}

rt::Result<std::string> Alarms::acknowledge(const AlarmChoice& choice) {
  const std::scoped_lock lock(mutex_);
  const auto found = chosen(choice);
  if (!found) return found.error();
  std::size_t raised = 0;
  for (const std::size_t i : *found) {
    if (entries_[i].state == 0) continue;
    entries_[i].acknowledged = 1;
    ++raised;
  }
  changed_ = changed_ || raised > 0;
  if (raised > 0) lines_.push_back({false, "alarm '" + choice.alarm + "': acknowledged on " + std::to_string(raised) + " of its channels"});
  publish_locked();
  return raised == 0 ? std::string("nothing is raised") : "acknowledged: " + std::to_string(raised);
}

rt::Result<std::string> Alarms::shelve(const AlarmChoice& choice, std::int64_t for_ns) {
  const std::scoped_lock lock(mutex_);
  const auto found = chosen(choice);
  if (!found) return found.error();
  const std::int64_t until = for_ns > 0 ? rt::realtime_ns() + for_ns : 0;
  for (const std::size_t i : *found) entries_[i].shelved_until_ns = until;
  changed_ = true;
  const std::string what = for_ns > 0 ? "shelved for " + duration(for_ns) : std::string("no longer shelved");
  lines_.push_back({false, "alarm '" + choice.alarm + "': " + what});
  publish_locked();
  return what + ": " + std::to_string(found->size());
}

rt::Done Alarms::keep_named() {
  const std::scoped_lock lock(mutex_);
  if (object_->still_named()) return rt::done();
  std::vector<AlarmEntry> ignored;
  auto object = shm::AlarmWriter::open(instance_, readers_, ignored);
  if (!object) return object.error();
  object_ = std::move(*object);
  object_->publish(entries_, generation_);
  return rt::done();
}

void Alarms::unlink() {
  const std::scoped_lock lock(mutex_);
  object_->unlink();
}

}  // namespace chappe::aggregator
