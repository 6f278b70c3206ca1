//! Statement to bound query: names resolved against the schema, types known, constants folded.

mod aggregate;
mod constants;
mod filter;
mod names;
mod predicate_text;
mod rewrite;
mod scalar;
mod shape;

use functions::{Context, Expr};
use model::{ColumnType, Value};

use self::{
    filter::FilterBinder,
    names::Names,
    scalar::{Rows, Scope},
    shape::Shaper,
};
use crate::{
    ast::{Expression, Query, SelectItem},
    catalog::{Catalog, TableInfo},
    error::Error,
    ir::{BoundQuery, Filter},
    options::QueryOptions,
    parser::{Statement, StatementKind, parse_expression},
    response::ResultTable,
};

/// What holds for every query of a broker.
#[derive(Clone, Copy, Debug)]
pub struct BindContext {
    /// `now()` of this query, epoch milliseconds.
    pub now_ms: i64,
    /// LIMIT of a query that has none.
    pub default_limit: u64,
    /// Greatest LIMIT; a larger one is refused.
    pub max_limit: u64,
    /// Null handling of a query that does not say.
    pub null_handling: bool,
}

impl BindContext {
    pub fn new(now_ms: i64) -> Self {
        Self { now_ms, default_limit: 10, max_limit: i32::MAX as u64, null_handling: false }
    }
}

/// What a statement comes to.
#[derive(Clone, Debug)]
pub enum Bound {
    Query(Box<BoundQuery>),
    /// The broker knows the answer without asking a server.
    Answer(ResultTable),
}

/// Binds a query or its EXPLAIN.
pub fn bind(statement: &Statement, catalog: &dyn Catalog, context: &BindContext) -> Result<Bound, Error> {
    let (query, explain) = match &statement.kind {
        StatementKind::Query(query) => (query, false),
        StatementKind::Explain(query) => (query, true),
        StatementKind::MultiStage { nested: true, .. } => return Err(Error::nested()),
        StatementKind::MultiStage { .. } => return Err(Error::multi_stage()),
        StatementKind::InsertFromFile { .. } => {
            return Err(Error::Parsing("Unsupported SQL type - DML, this API only supports DQL.".to_owned()));
        }
    };
    let options = QueryOptions::new(&statement.options);
    options.validate()?;
    let null_handling = options.null_handling().unwrap_or(context.null_handling);
    let fold = Context { now_ms: context.now_ms, null_handling };
    let mut query = query.as_ref().clone();
    rewrite::ordinals(&mut query)?;
    rewrite::aliases(&mut query)?;
    for_each_expression(&mut query, |e| rewrite::constants(e, &fold))?;
    let Some(written) = query.table.clone() else {
        return literal_answer(&query, explain).map(Bound::Answer);
    };
    let (table, physical) = find_table(&written, catalog, options.database())?;
    let alias = query.table_alias.clone();
    let names = Names::new(&table, &written, alias.as_deref());
    for_each_expression(&mut query, |e| names.resolve(e))?;
    let overrides = overrides(&table, &names)?;
    if !overrides.is_empty() {
        for_each_expression(&mut query, |e| {
            rewrite::replace_expressions(e, &overrides);
            Ok(())
        })?;
    }
    expand_star(&mut query, &names)?;
    for item in &mut query.select {
        rewrite::aggregate_algebra(&mut item.expression);
    }
    rewrite::group_by_as_distinct(&mut query);
    let limit = query.limit.unwrap_or(context.default_limit);
    if limit > context.max_limit {
        return Err(Error::Validation(format!(
            "Value for 'LIMIT' ({limit}) exceeds maximum allowed value of {}",
            context.max_limit
        )));
    }
    let mut filters = FilterBinder { rows: Rows(&names), null_handling };
    let filter = match &query.filter {
        Some(expression) => filters.bind(expression)?,
        None => Filter::All,
    };
    let honours_offset = !query.order_by.is_empty();
    let shape = Shaper { names: &names, null_handling }.shape(&query, limit)?;
    let offset = match &shape {
        crate::Shape::Selection(_) if honours_offset => query.offset.unwrap_or(0),
        _ => 0,
    };
    Ok(Bound::Query(Box::new(BoundQuery {
        table: physical,
        shape,
        filter,
        limit: limit as usize,
        offset: usize::try_from(offset).unwrap_or(usize::MAX),
        options: statement.options.clone(),
        null_handling,
        now_ms: context.now_ms,
        explain,
    })))
}

fn for_each_expression(
    query: &mut Query,
    mut apply: impl FnMut(&mut Expression) -> Result<(), Error>,
) -> Result<(), Error> {
    query
        .select
        .iter_mut()
        .map(|item| &mut item.expression)
        .chain(&mut query.filter)
        .chain(&mut query.group_by)
        .chain(&mut query.having)
        .chain(query.order_by.iter_mut().map(|item| &mut item.expression))
        .try_for_each(&mut apply)
}

/// The table's `expressionOverrideMap`, parsed. An entry that cannot be parsed is an error of the table config.
fn overrides(table: &TableInfo, names: &Names<'_>) -> Result<Vec<(Expression, Expression)>, Error> {
    table
        .query_config
        .expression_overrides
        .iter()
        .map(|(from, to)| {
            let (mut from, mut to) = (parse_expression(from)?, parse_expression(to)?);
            names.resolve(&mut from)?;
            names.resolve(&mut to)?;
            Ok((from, to))
        })
        .collect()
}

fn expand_star(query: &mut Query, names: &Names<'_>) -> Result<(), Error> {
    let is_star = |item: &SelectItem| matches!(&item.expression, Expression::Identifier(name) if name == "*");
    if !query.select.iter().any(is_star) {
        return Ok(());
    }
    if query.distinct {
        return Err(Error::Parsing(
            "DISTINCT with * is not supported, name each column after the DISTINCT keyword".to_owned(),
        ));
    }
    let mut select = Vec::new();
    for item in std::mem::take(&mut query.select) {
        if is_star(&item) {
            select.extend(
                names
                    .star()
                    .into_iter()
                    .map(|name| SelectItem { expression: Expression::identifier(name), alias: None }),
            );
        } else {
            select.push(item);
        }
    }
    query.select = select;
    Ok(())
}

/// Finds the table and the name under which it is queried: raw, or typed when the statement says so.
fn find_table(written: &str, catalog: &dyn Catalog, database: Option<&str>) -> Result<(TableInfo, String), Error> {
    let unknown = || Error::UnknownTable(written.to_owned());
    let (prefix, name) = match written.split_once('.') {
        Some((_, rest)) if rest.contains('.') => {
            return Err(Error::Validation(format!("Table name '{written}' contains more than one '.'")));
        }
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, written),
    };
    if let (Some(prefix), Some(database)) = (prefix, database)
        && !prefix.eq_ignore_ascii_case(database)
    {
        return Err(Error::Validation(format!(
            "Database name '{prefix}' from table prefix does not match database name '{database}' from header"
        )));
    }
    let database = prefix.or(database).filter(|db| !db.eq_ignore_ascii_case("default"));
    let qualified = |name: &str| database.map_or_else(|| name.to_owned(), |db| format!("{db}.{name}"));
    if let Some(table) = catalog.table(&qualified(name)) {
        let physical = table.raw_name.clone();
        return Ok((table, physical));
    }
    for (suffix, offline) in [("_OFFLINE", true), ("_REALTIME", false)] {
        let split = name.len().saturating_sub(suffix.len());
        if let (Some(raw), Some(end)) = (name.get(..split), name.get(split..))
            && end.eq_ignore_ascii_case(suffix)
            && let Some(table) = catalog.table(&qualified(raw))
            && (if offline { table.offline } else { table.realtime })
        {
            let physical = format!("{}{suffix}", table.raw_name);
            return Ok((table, physical));
        }
    }
    Err(unknown())
}

/// `SELECT 1, 'a'`: one row, answered by the broker.
fn literal_answer(query: &Query, explain: bool) -> Result<ResultTable, Error> {
    let mut names = Vec::new();
    let mut types: Vec<ColumnType> = Vec::new();
    let mut row: Vec<Value> = Vec::new();
    for item in &query.select {
        match &item.expression {
            Expression::Literal(value) => {
                names.push(item.alias.clone().unwrap_or_else(|| crate::text::bare_literal_text(value)));
                types.push(value.column_type());
                row.push(value.clone());
            }
            Expression::Identifier(_) => {
                return Err(Error::Validation("Data source (FROM clause) not found".to_owned()));
            }
            // Names what is wrong with the call, else what is missing.
            call => {
                scalar::bind(call, &mut Nowhere)?;
                return Err(Error::Validation("Data source (FROM clause) not found".to_owned()));
            }
        }
    }
    if explain {
        return ResultTable::explain(&[("BROKER_EVALUATE".to_owned(), 0, -1)]);
    }
    ResultTable::from_rows(names, types, &[row])
}

struct Nowhere;

impl Scope for Nowhere {
    fn column(&self, _name: &str) -> Result<Expr, Error> {
        Err(Error::Validation("Data source (FROM clause) not found".to_owned()))
    }

    fn computed(&mut self, _expression: &Expression) -> Result<Option<Expr>, Error> {
        Ok(None)
    }

    fn whole_arithmetic(&self) -> bool {
        true
    }

    fn map_value_type(&self, _name: &str) -> Option<model::DataType> {
        None
    }
}

/// Binds an unbound expression for ingestion: `column` gives the type of each source column.
pub fn bind_expression(expression: &Expression, column: &dyn Fn(&str) -> Option<ColumnType>) -> Result<Expr, Error> {
    struct Sources<'a>(&'a dyn Fn(&str) -> Option<ColumnType>);

    impl Scope for Sources<'_> {
        fn column(&self, name: &str) -> Result<Expr, Error> {
            let ty = (self.0)(name).ok_or_else(|| Error::UnknownColumn(name.to_owned()))?;
            Ok(Expr::Column { name: name.to_owned(), ty })
        }

        fn computed(&mut self, _expression: &Expression) -> Result<Option<Expr>, Error> {
            Ok(None)
        }

        fn whole_arithmetic(&self) -> bool {
            false
        }

        fn map_value_type(&self, _name: &str) -> Option<model::DataType> {
            None
        }
    }

    scalar::bind(expression, &mut Sources(column))
}
