//===- LineEditor.cpp - Lines from a person or from a file ----------------===//
//
// Implements LineEditor with libedit's own interface.
//
//===----------------------------------------------------------------------===//

#include "LineEditor.h"

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <histedit.h>

namespace lora_rt::cli {

struct LineEditor::State {
  EditLine *editor = nullptr;
  History *history = nullptr;
  bool isContinued = false;

  ~State() {
    if (editor)
      el_end(editor);
    if (history)
      history_end(history);
  }

  std::optional<std::string> edit();
};

namespace {

char *prompt(EditLine *editor) {
  static char first[] = "> ", further[] = ". ";
  void *data = nullptr;
  el_get(editor, EL_CLIENTDATA, &data);
  return *static_cast<bool *>(data) ? further : first;
}

void ignore(int) {}

/// A line of what is not a terminal.
std::optional<std::string> readPlain() {
  std::string line;
  int c;
  while ((c = std::getchar()) != EOF && c != '\n')
    line += char(c);
  if (c == EOF && line.empty())
    return std::nullopt;
  if (line.ends_with('\r'))
    line.pop_back();
  return line;
}

} // namespace

LineEditor::LineEditor(bool isTerminal) : state(std::make_unique<State>()) {
  if (!isTerminal)
    return;
  // libedit takes the encoding of the terminal from the locale.
  std::setlocale(LC_CTYPE, "");
  state->editor = el_init("lora-run", stdin, stderr, stderr);
  if (!state->editor)
    return;
  state->history = history_init();
  HistEvent event;
  ::history(state->history, &event, H_SETSIZE, 1000);
  ::history(state->history, &event, H_SETUNIQUE, 1);
  el_set(state->editor, EL_CLIENTDATA, &state->isContinued);
  el_set(state->editor, EL_PROMPT, prompt);
  el_set(state->editor, EL_EDITOR, "emacs");
  el_set(state->editor, EL_HIST, ::history, state->history);
  el_source(state->editor, nullptr);
}

LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::State::edit() {
  // Without SA_RESTART, Ctrl-C ends the read with EINTR.
  struct sigaction action = {}, before = {};
  action.sa_handler = ignore;
  sigaction(SIGINT, &action, &before);
  std::string text;
  std::optional<std::string> result;
  for (;;) {
    int count = 0;
    errno = 0;
    const char *line = el_gets(editor, &count);
    if (!line && errno == EINTR) {
      std::fputc('\n', stderr);
      el_reset(editor);
      text.clear();
      isContinued = false;
      continue;
    }
    if (!line)
      break;
    text += line;
    while (text.ends_with('\n') || text.ends_with('\r'))
      text.pop_back();
    isContinued = text.ends_with('\\');
    if (!isContinued) {
      result = std::move(text);
      break;
    }
    text.back() = '\n';
  }
  isContinued = false;
  sigaction(SIGINT, &before, nullptr);
  if (result && !result->empty()) {
    HistEvent event;
    ::history(history, &event, H_ENTER, result->c_str());
  }
  return result;
}

std::optional<std::string> LineEditor::read() {
  return state->editor ? state->edit() : readPlain();
}

} // namespace lora_rt::cli
