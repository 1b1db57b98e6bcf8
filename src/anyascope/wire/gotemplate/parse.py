"""Tokens to a tree. Undefined variables and functions are found here, as Go finds them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from anyascope.wire.gotemplate.constants import parse_character, parse_number, unquote
from anyascope.wire.gotemplate.errors import TemplateError, parse_error
from anyascope.wire.gotemplate.lex import Kind, Token, tokenize
from anyascope.wire.gotemplate.nodes import (
    Action,
    Command,
    Constant,
    Definition,
    Dot,
    If,
    Invoke,
    Jump,
    Name,
    Node,
    Operand,
    Path,
    Pipe,
    Range,
    Text,
    Variable,
    With,
)

NESTING_MAX = 100  # blocks and parentheses; people nest fewer than 10, a hostile text must not exhaust the stack


def parse(
    name: str, text: str, *, functions: Collection[str], variables: Collection[str] = ()
) -> dict[str, Definition]:
    """Every template that the text defines, its own top level under `name`.

    Args:
        name: for messages, and to call it by.
        text: the template.
        functions: names that may be called.
        variables: names (with `$`) that are set before it starts.

    Raises:
        TemplateError: `template: name:line: what is wrong`.
    """
    return _Parser(name, text, functions=functions, variables=variables).parse()


class _Parser:
    def __init__(self, name: str, text: str, *, functions: Collection[str], variables: Collection[str]) -> None:
        self._name = name
        self._text = text
        self._functions = functions
        self._tokens: Iterator[Token] = tokenize(name, text)
        self._peeked: list[Token] = []
        self._variables = ["$", *variables]
        self._ranges = 0
        self._nesting = 0
        self._definitions: dict[str, Definition] = {}
        self._line_token = Token(Kind.END, "", 0, 0)

    def parse(self) -> dict[str, Definition]:
        nodes, ending = self._nodes(is_top=True)
        if ending is not None:
            raise self._error(f"unexpected {{{{{ending.text}}}}}")
        self._define(self._name, nodes)
        return self._definitions

    # --- tokens -------------------------------------------------------------------------------------------------------

    def _next(self) -> Token:
        token = self._peeked.pop() if self._peeked else next(self._tokens, Token(Kind.END, "", 0, 0))
        self._line_token = token
        return token

    def _peek(self) -> Token:
        if not self._peeked:
            self._peeked.append(next(self._tokens, Token(Kind.END, "", len(self._text), len(self._text))))
        return self._peeked[-1]

    def _skip_space(self) -> Token:
        """The next token that is not a blank, without taking it."""
        while self._peek().kind is Kind.SPACE:
            self._next()
        return self._peek()

    def _next_word(self) -> Token:
        self._skip_space()
        return self._next()

    def _expect_right(self, context: str) -> Token:
        token = self._next_word()
        if token.kind is not Kind.RIGHT:
            raise self._unexpected(token, context)
        return token

    def _error(self, message: str) -> TemplateError:
        return parse_error(self._name, self._text.count("\n", 0, self._line_token.start) + 1, message)

    def _unexpected(self, token: Token, context: str) -> TemplateError:
        self._line_token = token
        return self._error(f"unexpected {token} in {context}" if token.kind is not Kind.END else "unexpected EOF")

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _nodes(self, *, is_top: bool = False) -> tuple[tuple[Node, ...], Token | None]:
        """Nodes up to `{{end}}` or `{{else}}` (which is given back, its keyword taken), or to the end at the top."""
        self._nesting += 1
        if self._nesting > NESTING_MAX:
            raise self._error(f"nested more than {NESTING_MAX} deep")
        nodes: list[Node] = []
        while True:
            token = self._next()
            if token.kind is Kind.END:
                if not is_top:
                    raise self._error("unexpected EOF")
                self._nesting -= 1
                return tuple(nodes), None
            if token.kind is Kind.TEXT:
                nodes.append(Text((token.start, token.end), token.text))
                continue
            word = self._skip_space()
            if word.kind is Kind.KEYWORD and word.text in ("end", "else"):
                self._next()
                self._nesting -= 1
                return tuple(nodes), word
            node = self._action(word, is_top=is_top)
            if node is not None:
                nodes.append(node)

    def _action(self, word: Token, *, is_top: bool) -> Node | None:
        if word.kind is Kind.KEYWORD and word.text != "nil":
            self._next()
            match word.text:
                case "if" | "with" | "range":
                    return self._control(word)
                case "template":
                    return self._invoke(word)
                case "block":
                    return self._block(word)
                case "define":
                    if not is_top:
                        raise self._unexpected(word, "command")
                    self._definition()
                    return None
                case _:
                    return self._jump(word)
        pipe = self._pipeline("command", Kind.RIGHT)
        return Action(pipe.span, pipe)

    def _control(self, word: Token) -> Node:
        kind = word.text
        mark = len(self._variables)
        pipe = self._pipeline(kind, Kind.RIGHT)
        if kind == "range":
            self._ranges += 1
        body, ending = self._nodes()
        if kind == "range":
            self._ranges -= 1
        otherwise: tuple[Node, ...] = ()
        assert ending is not None
        if ending.text == "end":
            self._expect_right("end")
        else:
            otherwise = self._else(kind)
        del self._variables[mark:]
        span = (word.start, pipe.span[1])
        match kind:
            case "if":
                return If(span, pipe, body, otherwise)
            case "with":
                return With(span, pipe, body, otherwise)
            case _:
                return Range(span, pipe, body, otherwise)

    def _else(self, kind: str) -> tuple[Node, ...]:
        following = self._skip_space()
        if following.kind is Kind.KEYWORD and following.text == kind and kind in ("if", "with"):
            # `{{else if}}` stands for `{{else}}{{if}}` with one `{{end}}` for both.
            self._next()
            return (self._control(following),)
        self._expect_right("else")
        nodes, ending = self._nodes()
        assert ending is not None
        if ending.text != "end":
            raise self._error("expected end; found {{else}}")
        self._expect_right("end")
        return nodes

    def _jump(self, word: Token) -> Node:
        if not self._ranges:
            raise self._error(f"{{{{{word.text}}}}} outside {{{{range}}}}")
        self._expect_right(word.text)
        return Jump((word.start, word.end), is_break=word.text == "break")

    def _template_name(self, context: str) -> str:
        token = self._next_word()
        if token.kind is not Kind.STRING:
            raise self._unexpected(token, context)
        return self._unquoted(token)

    def _invoke(self, word: Token) -> Node:
        name = self._template_name("template clause")
        pipe = None
        if self._skip_space().kind is not Kind.RIGHT:
            pipe = self._pipeline("template clause", Kind.RIGHT)
        else:
            self._next()
        return Invoke((word.start, pipe.span[1] if pipe else self._line_token.start), name, pipe)

    def _block(self, word: Token) -> Node:
        name = self._template_name("block clause")
        pipe = self._pipeline("block clause", Kind.RIGHT)
        self._define(name, self._own_scope("block clause"))
        return Invoke((word.start, pipe.span[1]), name, pipe)

    def _definition(self) -> None:
        name = self._template_name("define clause")
        self._expect_right("define clause")
        self._define(name, self._own_scope("define clause"))

    def _own_scope(self, context: str) -> tuple[Node, ...]:
        """The nodes of a template within this one: it sees no variable of its surroundings."""
        outer, ranges = self._variables, self._ranges
        self._variables, self._ranges = ["$"], 0
        nodes, ending = self._nodes()
        assert ending is not None
        if ending.text != "end":
            raise self._error(f"unexpected {{{{{ending.text}}}}} in {context}")
        self._expect_right("end")
        self._variables, self._ranges = outer, ranges
        return nodes

    def _define(self, name: str, nodes: tuple[Node, ...]) -> None:
        is_empty = all(isinstance(node, Text) and not node.text.strip() for node in nodes)
        if name in self._definitions:
            if is_empty:
                return
            known = self._definitions[name].nodes
            if any(not (isinstance(node, Text) and not node.text.strip()) for node in known):
                raise self._error(f'template: multiple definition of template "{name}"')
        self._definitions[name] = Definition(name, nodes, self._name, self._text)

    # --- pipelines ----------------------------------------------------------------------------------------------------

    def _pipeline(self, context: str, end: Kind) -> Pipe:
        start = self._skip_space().start
        variables, is_new = self._declaration(context)
        commands: list[Command] = []
        while True:
            token = self._skip_space()
            if self._ends(token, end):
                self._next()
                break
            if token.kind in (Kind.SIGN, Kind.RIGHT, Kind.END, Kind.TEXT) and token.text != "(":
                raise self._unexpected(self._next(), context)
            commands.append(self._command(end))
        self._check_commands(commands, context)
        if is_new:
            self._variables.extend(variables)
        return Pipe((start, commands[-1].span[1]), tuple(commands), variables, is_new)

    @staticmethod
    def _ends(token: Token, end: Kind) -> bool:
        return token.kind is end if end is not Kind.SIGN else token.text == ")" and token.kind is Kind.SIGN

    def _check_commands(self, commands: list[Command], context: str) -> None:
        if not commands:
            raise self._error(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.words[0], Constant | Dot):
                raise self._error(f"non executable command in pipeline stage {stage}")

    def _declaration(self, context: str) -> tuple[tuple[str, ...], bool]:
        """Variables before `:=` or `=`; a variable without one is left to be read as an operand."""
        names: list[str] = []
        while self._skip_space().kind is Kind.VARIABLE:
            variable = self._next()
            blanks = []
            while self._peek().kind is Kind.SPACE:
                blanks.append(self._next())
            sign = self._peek()
            if sign.kind is Kind.SIGN and sign.text in (":=", "="):
                self._next()
                names.append(variable.text)
                if sign.text == "=":
                    for name in names:
                        self._check_variable(name)
                return tuple(names), sign.text == ":="
            if sign.kind is Kind.SIGN and sign.text == "," and context == "range" and not names:
                self._next()
                names.append(variable.text)
                continue
            if names or (sign.kind is Kind.SIGN and sign.text == ","):
                raise self._error(f"too many declarations in {context}")
            self._peeked.extend([*blanks[:1], variable])
            break
        return (), True

    def _command(self, end: Kind) -> Command:
        words: list[Operand] = []
        start = self._skip_space().start
        while True:
            self._skip_space()
            word = self._operand()
            if word is not None:
                words.append(word)
            token = self._peek()
            if token.kind is Kind.SPACE:
                self._next()
                token = self._peek()
                if self._starts_operand(token):
                    continue
            if self._ends(token, end):
                break
            if token.kind is Kind.SIGN and token.text == "|":
                self._next()
                break
            raise self._unexpected(self._next(), "operand")
        if not words:
            raise self._error("empty command")
        return Command((start, words[-1].span[1]), tuple(words))

    @staticmethod
    def _starts_operand(token: Token) -> bool:
        return token.kind not in (Kind.SIGN, Kind.RIGHT, Kind.END, Kind.TEXT) or token.text == "("

    # --- operands -----------------------------------------------------------------------------------------------------

    def _operand(self) -> Operand | None:
        root = self._term()
        if root is None:
            return None
        fields: list[str] = []
        end = root.span[1]
        while self._peek().kind is Kind.FIELD:
            token = self._next()
            fields.append(token.text[1:])
            end = token.end
        if not fields:
            return root
        if isinstance(root, Path):
            return Path((root.span[0], end), root.root, (*root.fields, *fields))
        if isinstance(root, Constant | Dot):
            raise self._error(f"unexpected . after term {self._text[root.span[0] : root.span[1]]!r}")
        return Path((root.span[0], end), root, tuple(fields))

    def _term(self) -> Operand | None:
        token = self._peek()
        span = (token.start, token.end)
        if token.kind is Kind.SIGN and token.text == "(":
            return self._parenthesized()
        if token.kind in (Kind.SIGN, Kind.RIGHT, Kind.END, Kind.TEXT, Kind.SPACE):
            return None
        self._next()
        match token.kind:
            case Kind.WORD:
                operand: Operand = self._function(token)
            case Kind.DOT:
                operand = Dot(span)
            case Kind.FIELD:
                operand = Path(span, Dot((token.start, token.start)), (token.text[1:],))
            case Kind.VARIABLE:
                self._check_variable(token.text)
                operand = Variable(span, token.text)
            case _:
                operand = Constant(span, self._constant(token))
        return operand

    def _function(self, token: Token) -> Name:
        if token.text not in self._functions:
            raise self._error(f'function "{token.text}" not defined')
        return Name((token.start, token.end), token.text)

    def _parenthesized(self) -> Operand:
        self._nesting += 1
        if self._nesting > NESTING_MAX:
            raise self._error(f"nested more than {NESTING_MAX} deep")
        opening = self._next()
        pipe = self._pipeline("parenthesized pipeline", Kind.SIGN)
        self._nesting -= 1
        return Pipe((opening.start, self._line_token.end), pipe.commands, pipe.variables, pipe.is_new)

    def _constant(self, token: Token) -> str | int | float | bool | None:
        if token.kind is Kind.KEYWORD:
            if token.text != "nil":
                raise self._unexpected(token, "operand")
            return None
        if token.kind is Kind.BOOL:
            return token.text == "true"
        if token.kind is Kind.STRING:
            return self._unquoted(token)
        try:
            return parse_character(token.text) if token.kind is Kind.CHARACTER else parse_number(token.text)
        except ValueError as error:
            raise self._error(f"{error}: {token.text}") from error

    def _unquoted(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as error:
            raise self._error(str(error)) from error

    def _check_variable(self, name: str) -> None:
        if name not in self._variables:
            raise self._error(f'undefined variable "{name}"')
