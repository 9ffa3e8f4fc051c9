//! What is known of the names before the first bar, and the calendar of their listings.

use crate::error::{KernelError, Result};
use crate::lanes::{LANES, Row};
use crate::params::Params;
use crate::reason::Reason;

const DAY_MS: f64 = 86_400_000.0;

/// Facts of one list of symbols under one set of parameters; computed once a run.
#[derive(Debug, Clone)]
pub struct Facts {
    listed_ms: Vec<i64>,
    delisted_ms: Vec<i64>,
    listing: Vec<Option<Reason>>,
    majors: Vec<usize>,
    age_min_ms: i64,
    sigma_floor: f64,
    bars_year: f64,
}

impl Facts {
    /// Resolve names to columns; a major that the gate or the router needs must be in the panel.
    pub fn new(
        symbols: &[String],
        listed_ms: &[i64],
        delisted_ms: &[i64],
        params: &Params,
    ) -> Result<Self> {
        for (field, len) in [("listed_ms", listed_ms.len()), ("delisted_ms", delisted_ms.len())] {
            if len != symbols.len() {
                let (found, expected) = (len.to_string(), symbols.len().to_string());
                return Err(KernelError::Shape { field, found, expected });
            }
        }
        let bars_year = 365.0 * (DAY_MS / params.bar_ms as f64);
        Ok(Self {
            listed_ms: listed_ms.to_vec(),
            delisted_ms: delisted_ms.to_vec(),
            listing: symbols.iter().map(|symbol| list_rule(symbol, params)).collect(),
            majors: find_majors(symbols, params)?,
            age_min_ms: (params.age_min_days * DAY_MS).ceil() as i64,
            sigma_floor: params.vol_floor_ann_frac / bars_year.sqrt(),
            bars_year,
        })
    }

    /// Number of names.
    pub fn names(&self) -> usize {
        self.listed_ms.len()
    }

    /// Columns of the majors.
    pub fn majors(&self) -> &[usize] {
        &self.majors
    }

    /// Least volatility a bar used for sizing.
    pub fn sigma_floor(&self) -> f64 {
        self.sigma_floor
    }

    /// Bars in a year of 365 days.
    pub fn bars_year(&self) -> f64 {
        self.bars_year
    }

    /// The first rule of dates and lists that name `i` fails.
    pub(super) fn listing_failure(&self, i: usize, close_ms: i64) -> Option<Reason> {
        if close_ms < self.listed_ms[i] {
            Some(Reason::NotListed)
        } else if close_ms >= self.delisted_ms[i] {
            Some(Reason::Delisted)
        } else {
            self.listing[i]
        }
    }

    pub(super) fn too_young(&self, i: usize, close_ms: i64) -> bool {
        close_ms < self.of_age_ms(i)
    }

    fn of_age_ms(&self, i: usize) -> i64 {
        self.listed_ms[i].saturating_add(self.age_min_ms)
    }
}

fn list_rule(symbol: &str, params: &Params) -> Option<Reason> {
    let ticker = ticker_of(symbol);
    let on = |names: &[String]| names.iter().any(|name| name == symbol || name == ticker);
    if on(&params.universe_exclude) {
        Some(Reason::Excluded)
    } else if !params.universe_include.is_empty() && !on(&params.universe_include) {
        Some(Reason::NotIncluded)
    } else {
        None
    }
}

/// The ticker that a listing stands under: `LUNAUSDT` of `LUNAUSDT.2`. Who bans a ticker means all of them.
fn ticker_of(symbol: &str) -> &str {
    match symbol.rsplit_once('.') {
        Some((ticker, number))
            if !ticker.is_empty()
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            ticker
        }
        _ => symbol,
    }
}

fn find_majors(symbols: &[String], params: &Params) -> Result<Vec<usize>> {
    if !params.majors_enabled && !params.router_enabled {
        return Ok(Vec::new());
    }
    let find = |major: &String| {
        symbols.iter().position(|symbol| symbol == major).ok_or_else(|| KernelError::Param {
            name: "majors",
            what: format!("{major} is not in the panel; add its data or take it off the list"),
        })
    };
    params.majors.iter().map(find).collect()
}

/// `names` rounded up to whole lanes.
pub(crate) fn padded(names: usize) -> usize {
    names.next_multiple_of(LANES)
}

/// Who passes the rules of dates and lists. It changes only where a name is listed, comes of age or
/// dies, so it is kept from bar to bar; the answer never depends on that.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// 0 where the name passes, NaN where not and in the padding.
    pub(super) gate: Row,
    /// All pass.
    pub(super) all_listed: bool,
    from_ms: i64,
    until_ms: i64,
}

impl Calendar {
    /// A calendar that has not been turned to any day.
    pub fn new(names: usize) -> Self {
        Self {
            gate: Row::new(padded(names), f64::NAN),
            all_listed: false,
            from_ms: i64::MAX,
            until_ms: i64::MIN,
        }
    }

    #[inline(always)]
    pub(super) fn turn_to(&mut self, facts: &Facts, close_ms: i64) {
        if close_ms < self.from_ms || close_ms >= self.until_ms {
            self.write(facts, close_ms);
        }
    }

    #[inline(never)]
    fn write(&mut self, facts: &Facts, close_ms: i64) {
        self.from_ms = i64::MIN;
        self.until_ms = i64::MAX;
        for i in 0..facts.names() {
            for event_ms in [facts.listed_ms[i], facts.of_age_ms(i), facts.delisted_ms[i]] {
                if event_ms <= close_ms {
                    self.from_ms = self.from_ms.max(event_ms);
                } else {
                    self.until_ms = self.until_ms.min(event_ms);
                }
            }
            let open =
                facts.listing_failure(i, close_ms).is_none() && !facts.too_young(i, close_ms);
            self.gate[i] = if open { 0.0 } else { f64::NAN };
        }
        self.all_listed = self.gate[..facts.names()].iter().all(|gate| *gate == 0.0);
    }
}
