//! SQL text to [`Statement`]: options, statement kind, the query's tree.

mod convert;
mod dialect;
mod expression;
mod fingerprint;
mod tokens;

use std::collections::BTreeMap;

use sqlparser::{
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::{Token, TokenWithSpan, Tokenizer},
};

pub use self::fingerprint::fingerprint;
use self::{dialect::PinotDialect, tokens::Extent};
use crate::{
    ast::{Expression, Query},
    error::Error,
    options,
};

/// Longest accepted statement.
pub const MAX_SQL_BYTES: usize = 16 << 20;
/// Longest accepted identifier, in characters.
pub const MAX_IDENTIFIER_CHARS: usize = 1024;
/// Deepest accepted expression, after AND and OR chains are flattened. Keeps the IR far below the codec's depth.
pub const MAX_EXPRESSION_DEPTH: usize = 200;
const MAX_NESTING: usize = 400;
const MAX_OPERATORS: usize = 200_000;
/// Above these a statement is parsed on a thread with a large stack.
const INLINE_NESTING: usize = 20;
const INLINE_OPERATORS: usize = 120;
const INLINE_RECURSION: usize = 48;
const BIG_STACK_BYTES: usize = 512 << 20;

/// One executable statement with the options that were SET before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The text as it came, trailing white space cut.
    pub sql: String,
    /// `SET k = v;` and `OPTION(k=v)`, keys in Pinot's spelling where known. Filled up from the request by
    /// [`Statement::add_options`].
    pub options: BTreeMap<String, String>,
    pub kind: StatementKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    Query(Box<Query>),
    Explain(Box<Query>),
    /// A query that only the multi-stage engine can run (join, window, set operation, subquery, WITH).
    MultiStage {
        explain: bool,
        /// It reads from a query in FROM.
        nested: bool,
    },
    /// `INSERT INTO table FROM FILE 'uri', …`
    InsertFromFile {
        table: String,
        uris: Vec<String>,
    },
}

impl Statement {
    /// Adds `k=v;k2=v2` of a request's `queryOptions`. Options that the statement has set win.
    pub fn add_options(&mut self, text: &str) -> Result<(), Error> {
        for (key, value) in options::parse_option_string(text)? {
            self.options.entry(key).or_insert(value);
        }
        Ok(())
    }

    /// The table named in FROM or INSERT INTO, as written.
    pub fn table(&self) -> Option<&str> {
        match &self.kind {
            StatementKind::Query(query) | StatementKind::Explain(query) => query.table.as_deref(),
            StatementKind::InsertFromFile { table, .. } => Some(table),
            StatementKind::MultiStage { .. } => None,
        }
    }

    pub fn is_dml(&self) -> bool {
        matches!(self.kind, StatementKind::InsertFromFile { .. })
    }
}

/// Parses a request's SQL: any number of SET statements and exactly one executable one.
pub fn parse(sql: &str) -> Result<Statement, Error> {
    let sql = sql.trim_end();
    if sql.len() > MAX_SQL_BYTES {
        return Err(Error::Parsing(format!(
            "the statement has {} bytes, more than the {MAX_SQL_BYTES} that are accepted",
            sql.len()
        )));
    }
    let (mut tokens, extent) = tokenize(sql)?;
    if needs_big_stack(&extent) {
        return on_big_stack(|| parse_tokens(sql, tokens, &extent, MAX_NESTING * 3));
    }
    match parse_tokens(sql, std::mem::take(&mut tokens), &extent, INLINE_RECURSION) {
        Err(Error::Parsing(reason)) if reason == RECURSION => {
            let (tokens, extent) = tokenize(sql)?;
            on_big_stack(|| parse_tokens(sql, tokens, &extent, MAX_NESTING * 3))
        }
        other => other,
    }
}

/// Parses one expression, such as an ingestion transform.
pub fn parse_expression(text: &str) -> Result<Expression, Error> {
    if text.len() > MAX_SQL_BYTES {
        return Err(Error::Parsing(format!("the expression has {} bytes, too many", text.len())));
    }
    let parse = |recursion: usize| {
        let (tokens, _) = tokenize(text)?;
        let mut parser = Parser::new(&PinotDialect).with_recursion_limit(recursion).with_tokens_with_locations(tokens);
        let tree = parser.parse_expr().map_err(|e| parser_error(text, e))?;
        match parser.peek_token_ref() {
            TokenWithSpan { token: Token::EOF, .. } => {}
            rest => return Err(Error::unparsable(text, encountered(rest))),
        }
        checked_depth(expression::convert(tree)?)
    };
    let (_, extent) = tokenize(text)?;
    if needs_big_stack(&extent) {
        return on_big_stack(|| parse(MAX_NESTING * 3));
    }
    match parse(INLINE_RECURSION) {
        Err(Error::Parsing(reason)) if reason == RECURSION => on_big_stack(|| parse(MAX_NESTING * 3)),
        other => other,
    }
}

const RECURSION: &str = "recursion";

fn needs_big_stack(extent: &Extent) -> bool {
    extent.depth > INLINE_NESTING || extent.operators > INLINE_OPERATORS
}

/// The parser recurses on nesting and its trees are dropped recursively, so long statements get room for it.
fn on_big_stack<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("parse".to_owned()).stack_size(BIG_STACK_BYTES);
        match thread.spawn_scoped(scope, work) {
            Ok(handle) => {
                handle.join().unwrap_or_else(|_| Err(Error::Parsing("the parser failed on this statement".to_owned())))
            }
            Err(e) => Err(Error::Parsing(format!("no thread for parsing this large statement: {e}"))),
        }
    })
}

fn tokenize(sql: &str) -> Result<(Vec<TokenWithSpan>, Extent), Error> {
    let text = slash_comments(sql);
    let mut all = Vec::with_capacity(text.len() / 4 + 8);
    Tokenizer::new(&PinotDialect, &text).tokenize_with_location_into_buf(&mut all).map_err(|e| {
        let location = e.location;
        Error::unparsable(
            sql,
            format!(
                "Encountered \"\" at line {}, column {}.\nWas expecting one of:\n    {}",
                location.line, location.column, e.message
            ),
        )
    })?;
    let mut tokens: Vec<TokenWithSpan> = all.into_iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    for token in &tokens {
        if let Token::Word(word) = &token.token
            && word.value.len() > MAX_IDENTIFIER_CHARS
            && word.value.chars().count() > MAX_IDENTIFIER_CHARS
        {
            let start: String = word.value.chars().take(40).collect();
            return Err(Error::unparsable(
                sql.get(..200).unwrap_or(sql),
                format!(
                    "Length of identifier '{start}...' must be less than or equal to {MAX_IDENTIFIER_CHARS} characters"
                ),
            ));
        }
    }
    let extent = tokens::demote_keywords(&mut tokens);
    if extent.depth > MAX_NESTING || extent.operators > MAX_OPERATORS {
        return Err(Error::Parsing(format!(
            "the statement nests {} levels deep and has {} operators; at most {MAX_NESTING} and {MAX_OPERATORS} are accepted",
            extent.depth, extent.operators
        )));
    }
    Ok((tokens, extent))
}

/// Turns `// …` comments outside of quotes into `-- …`, which the tokenizer knows.
fn slash_comments(sql: &str) -> std::borrow::Cow<'_, str> {
    if !sql.contains("//") {
        return sql.into();
    }
    let bytes = sql.as_bytes();
    let mut out = bytes.to_vec();
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            quote @ (b'\'' | b'"') => {
                i += 1;
                while i < bytes.len() && bytes[i] != quote {
                    i += 1;
                }
            }
            b'-' if bytes.get(i + 1) == Some(&b'-') => i = line_end(bytes, i),
            b'/' if bytes.get(i + 1) == Some(&b'*') => {
                i += 2;
                while i + 1 < bytes.len() && !(bytes[i] == b'*' && bytes[i + 1] == b'/') {
                    i += 1;
                }
            }
            b'/' if bytes.get(i + 1) == Some(&b'/') => {
                out[i] = b'-';
                out[i + 1] = b'-';
                i = line_end(bytes, i);
            }
            _ => {}
        }
        i += 1;
    }
    // Only ASCII bytes were replaced by ASCII bytes.
    String::from_utf8(out).map_or_else(|_| sql.into(), Into::into)
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |n| from + n)
}

fn parse_tokens(sql: &str, tokens: Vec<TokenWithSpan>, extent: &Extent, recursion: usize) -> Result<Statement, Error> {
    let mut options = BTreeMap::new();
    let mut executable: Option<StatementKind> = None;
    for piece in split_statements(tokens) {
        if is_word(piece.first(), "SET") {
            let (key, value) = set_statement(&piece).ok_or_else(|| Error::unparsable(sql, "null"))?;
            options.insert(options::canonical_key(&key), value);
            continue;
        }
        if let Some(first) = &executable {
            let kind = if matches!(first, StatementKind::InsertFromFile { .. }) { "DML" } else { "DQL" };
            return Err(Error::unparsable(
                sql,
                format!("SqlNode with executable statement already exist with type: {kind}"),
            ));
        }
        executable = Some(parse_executable(sql, piece, extent, recursion, &mut options)?);
    }
    let kind = executable.ok_or_else(|| Error::unparsable(sql, "SqlNode with executable statement not found!"))?;
    Ok(Statement { sql: sql.to_owned(), options, kind })
}

fn split_statements(tokens: Vec<TokenWithSpan>) -> impl Iterator<Item = Vec<TokenWithSpan>> {
    let mut pieces = vec![Vec::new()];
    for token in tokens {
        if token.token == Token::SemiColon {
            pieces.push(Vec::new());
        } else if let Some(last) = pieces.last_mut() {
            last.push(token);
        }
    }
    pieces.into_iter().filter(|piece: &Vec<TokenWithSpan>| !piece.is_empty())
}

fn is_word(token: Option<&TokenWithSpan>, word: &str) -> bool {
    matches!(token.map(|t| &t.token), Some(Token::Word(w)) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

/// `SET key = literal`; keys may have dots.
fn set_statement(tokens: &[TokenWithSpan]) -> Option<(String, String)> {
    let equals = tokens.iter().position(|t| t.token == Token::Eq)?;
    let mut key = String::new();
    for token in &tokens[1..equals] {
        match &token.token {
            Token::Word(word) => key.push_str(&word.value),
            Token::Period => key.push('.'),
            _ => return None,
        }
    }
    let value = match tokens[equals + 1..].iter().map(|t| &t.token).collect::<Vec<_>>()[..] {
        [Token::SingleQuotedString(text)] | [Token::Number(text, _)] => text.clone(),
        [Token::Minus, Token::Number(text, _)] => format!("-{text}"),
        [Token::Plus, Token::Number(text, _)] => text.clone(),
        [Token::Word(word)] if matches!(word.keyword, Keyword::TRUE | Keyword::FALSE | Keyword::NULL) => {
            word.value.to_ascii_lowercase()
        }
        _ => return None,
    };
    (!key.is_empty()).then_some((key, value))
}

fn parse_executable(
    sql: &str,
    mut tokens: Vec<TokenWithSpan>,
    extent: &Extent,
    recursion: usize,
    options: &mut BTreeMap<String, String>,
) -> Result<StatementKind, Error> {
    if is_word(tokens.first(), "INSERT") {
        return insert_from_file(&tokens).ok_or_else(|| {
            Error::unparsable(sql, "only INSERT INTO <table> FROM FILE '<uri>' is supported to add rows with SQL")
        });
    }
    for other in ["UPDATE", "DELETE", "MERGE", "CREATE", "ALTER", "DROP", "SHOW", "DESCRIBE", "TRUNCATE"] {
        if is_word(tokens.first(), other) {
            return Err(Error::Parsing(format!(
                "{other} statements are not supported, only queries and INSERT INTO <table> FROM FILE '<uri>'"
            )));
        }
    }
    let explain = is_word(tokens.first(), "EXPLAIN");
    if explain {
        // What stands between EXPLAIN and FOR asks for detail that only the multi-stage engine has.
        let plan_for = tokens.iter().take(8).position(|t| is_word(Some(t), "FOR"));
        let end = plan_for.ok_or_else(|| {
            Error::unparsable(sql, encountered(&tokens.get(1).cloned().unwrap_or_else(TokenWithSpan::new_eof)))
        })?;
        tokens.drain(..=end);
    }
    trailing_options(sql, &mut tokens, options)?;
    if let Some(first) = tokens.first()
        && let Token::Word(word) = &first.token
        && word.keyword == Keyword::NoKeyword
    {
        let (start, length) = (first.span.start, word.value.chars().count() as u64);
        return Err(Error::unparsable(
            sql,
            format!(
                "From line {0}, column {1} to line {0}, column {2}: Non-query expression encountered in illegal context",
                start.line,
                start.column,
                start.column + length - 1
            ),
        ));
    }
    let mut parser = Parser::new(&PinotDialect).with_recursion_limit(recursion).with_tokens_with_locations(tokens);
    let parsed = parser.parse_query();
    let parsed = match parsed {
        Ok(query) => match parser.peek_token_ref() {
            TokenWithSpan { token: Token::EOF, .. } => convert::query(*query),
            rest => Err(Error::unparsable(sql, encountered(rest))),
        },
        Err(e) => Err(parser_error(sql, e)),
    };
    match parsed {
        Ok(query) => {
            let query = checked_query(query)?;
            Ok(if explain { StatementKind::Explain(Box::new(query)) } else { StatementKind::Query(Box::new(query)) })
        }
        Err(e) if e == Error::multi_stage() => Ok(StatementKind::MultiStage { explain, nested: false }),
        Err(e) if e == Error::nested() => Ok(StatementKind::MultiStage { explain, nested: true }),
        Err(Error::Parsing(reason)) if extent.multi_stage && reason != RECURSION => {
            Ok(StatementKind::MultiStage { explain, nested: false })
        }
        Err(e) => Err(e),
    }
}

fn checked_query(query: Query) -> Result<Query, Error> {
    let expressions = query
        .select
        .iter()
        .map(|item| &item.expression)
        .chain(&query.filter)
        .chain(&query.group_by)
        .chain(&query.having)
        .chain(query.order_by.iter().map(|item| &item.expression));
    for expression in expressions {
        if expression.depth() > MAX_EXPRESSION_DEPTH {
            return Err(too_deep());
        }
    }
    Ok(query)
}

fn checked_depth(expression: Expression) -> Result<Expression, Error> {
    if expression.depth() > MAX_EXPRESSION_DEPTH { Err(too_deep()) } else { Ok(expression) }
}

fn too_deep() -> Error {
    Error::Parsing(format!("an expression nests more than {MAX_EXPRESSION_DEPTH} levels deep; split it up"))
}

/// `INSERT INTO [db.]table FROM FILE 'uri' [, FILE|ARCHIVE 'uri']…`
fn insert_from_file(tokens: &[TokenWithSpan]) -> Option<StatementKind> {
    if !is_word(tokens.get(1), "INTO") {
        return None;
    }
    let from = tokens.iter().position(|t| is_word(Some(t), "FROM"))?;
    let mut table = String::new();
    for token in &tokens[2..from] {
        match &token.token {
            Token::Word(word) => table.push_str(&word.value),
            Token::Period => table.push('.'),
            _ => return None,
        }
    }
    let mut uris = Vec::new();
    for part in tokens[from + 1..].split(|t| t.token == Token::Comma) {
        match part {
            [kind, uri] if is_word(Some(kind), "FILE") || is_word(Some(kind), "ARCHIVE") => match &uri.token {
                Token::SingleQuotedString(text) => uris.push(text.clone()),
                _ => return None,
            },
            _ => return None,
        }
    }
    (!table.is_empty() && !uris.is_empty()).then_some(StatementKind::InsertFromFile { table, uris })
}

/// Cuts legacy `OPTION(k=v, k2=v2)` suffixes off.
fn trailing_options(
    sql: &str,
    tokens: &mut Vec<TokenWithSpan>,
    options: &mut BTreeMap<String, String>,
) -> Result<(), Error> {
    while matches!(tokens.last().map(|t| &t.token), Some(Token::RParen)) {
        let Some(open) = tokens.iter().rposition(|t| t.token == Token::LParen) else { return Ok(()) };
        if open == 0 || !is_word(tokens.get(open - 1), "OPTION") {
            return Ok(());
        }
        for pair in tokens[open + 1..tokens.len() - 1].split(|t| t.token == Token::Comma) {
            let text: String = pair.iter().map(|t| token_text(&t.token)).collect();
            let (key, value) = text
                .split_once('=')
                .ok_or_else(|| Error::unparsable(sql, format!("OPTION '{text}' is not of the form key=value")))?;
            options.entry(options::canonical_key(key)).or_insert_with(|| value.to_owned());
        }
        tokens.truncate(open - 1);
    }
    Ok(())
}

fn token_text(token: &Token) -> String {
    match token {
        Token::Word(word) => word.value.clone(),
        Token::SingleQuotedString(text) => text.clone(),
        other => other.to_string(),
    }
}

fn parser_error(sql: &str, error: ParserError) -> Error {
    match error {
        ParserError::RecursionLimitExceeded => Error::Parsing(RECURSION.to_owned()),
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            let Some((expected, rest)) = text.strip_prefix("Expected: ").and_then(|t| t.split_once(", found: ")) else {
                return Error::unparsable(sql, text);
            };
            let (found, place) = rest.rsplit_once(" at Line: ").unwrap_or((rest, ""));
            let place = place.replace(", Column: ", ", column ");
            let place = if place.is_empty() { String::new() } else { format!(" at line {place}") };
            Error::unparsable(sql, format!("Encountered \"{found}\"{place}.\nWas expecting one of:\n    {expected}"))
        }
    }
}

fn encountered(token: &TokenWithSpan) -> String {
    let start = token.span.start;
    format!("Encountered \"{}\" at line {}, column {}.", token.token, start.line, start.column)
}
