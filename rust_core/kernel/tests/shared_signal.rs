//! Books that share one signal are, bit for bit, what each is alone.

use xsmom_kernel::decide::{Reader, Signal};
use xsmom_kernel::features::{Scratch, blocks, features_block};
use xsmom_kernel::fill::Costs;
use xsmom_kernel::panel::Panel;
use xsmom_kernel::params::Params;
use xsmom_kernel::simulate::strategy::{Book, Close, Run, Setup, run};
use xsmom_kernel::simulate::{FillAt, Settlements, Timing};

mod random_market;
use random_market::Market;

const COSTS: Costs = Costs {
    taker_fee_frac: 0.000_55,
    maker_fee_frac: 0.0002,
    maker_share_frac: 0.25,
    half_spread_frac: 0.0002,
    impact_y: 0.0,
    funding: true,
};

fn setup() -> Setup {
    Setup {
        costs: COSTS,
        timing: Timing { fill_at: FillAt::Close, delay_bars: 0 },
        cash_usdt: 1e5,
        contracts: None,
        maintenance_frac: 0.01,
        tiers: None,
        keep_fills: false,
        keep_trips: false,
        keep_units: false,
    }
}

/// Settings that come in after the scores.
fn configurations() -> Vec<Params> {
    let changes: [fn(&mut Params); 7] = [
        |_| {},
        |p| (p.k_min, p.k_max, p.k_frac) = (3, 3, 0.0),
        |p| (p.k_min, p.k_max, p.rank_buffer, p.signal_power) = (9, 9, 3, 2.0),
        |p| (p.entry_zscore_min, p.hold_zscore_min, p.band_frac) = (0.8, 0.3, 0.0),
        |p| (p.tranches, p.rebalance_bars, p.size_power) = (4, 6, 0.5),
        |p| (p.stop_atr_x, p.trailing_enabled, p.cooldown_bars) = (2.0, true, 12),
        |p| (p.weight_long_max_frac, p.gross_x, p.positions_max) = (0.1, 2.0, 9),
    ];
    let apply = |change: &fn(&mut Params)| {
        let mut params = Params { redemean: false, atr_bars: 14, ..Params::default() };
        change(&mut params);
        params
    };
    changes.iter().map(apply).collect()
}

fn is_same(closes: &[Close], alone: &Run) -> bool {
    closes.iter().enumerate().all(|(t, close)| {
        close.equity_usdt.to_bits() == alone.equity_usdt[t].to_bits()
            && close.gross_usdt.to_bits() == alone.gross_usdt[t].to_bits()
            && close.costs == alone.costs[t]
    })
}

/// A book that reads the market itself, bar by bar.
fn alone(panel: &Panel<'_>, params: &Params, setup: &Setup) -> (Vec<Close>, Run) {
    let mut scratch = Scratch::new(params, panel.cols).unwrap();
    let mut book = Book::new(panel, params, setup).unwrap();
    let mut closes = Vec::new();
    for t in 0..panel.rows {
        features_block(panel, t..t + 1, &mut scratch).unwrap();
        let rates = Settlements::of(panel, t..t + 1).rates(panel, t);
        book.bar(panel, t, &scratch.row(panel.first_bar + t as i64), rates, None);
        closes.push(book.close());
    }
    (closes, book.finish(Run::default()))
}

#[test]
fn books_that_share_a_signal_are_what_they_are_alone() {
    let market = Market::new(700, 30, 11, true);
    let (panel, setup, configurations) = (market.panel(), setup(), configurations());
    let leader = &configurations[0];
    let wanted: Vec<_> = configurations.iter().collect();
    let mut reader =
        Reader::new(panel.symbols, panel.listed_ms, panel.delisted_ms, leader).unwrap();
    let mut books = Vec::new();
    for params in &configurations {
        assert!(Signal::is_shared(params) && Signal::same(leader, params));
        let scratch = Scratch::new(params, panel.cols).unwrap();
        books.push((scratch, Book::new(&panel, params, &setup).unwrap(), Vec::new()));
    }
    for rows in blocks(panel.first_bar, 0..panel.rows) {
        for (scratch, ..) in &mut books {
            features_block(&panel, rows.clone(), scratch).unwrap();
        }
        let settlements = Settlements::of(&panel, rows.clone());
        for t in rows {
            let bar = panel.first_bar + t as i64;
            let signal = reader.read(&books[0].0.row(bar), &wanted);
            for (scratch, book, closes) in &mut books {
                let rates = settlements.rates(&panel, t);
                book.bar(&panel, t, &scratch.row(bar), rates, Some(&mut *signal));
                closes.push(book.close());
            }
        }
    }
    for (params, (_, book, closes)) in configurations.iter().zip(books) {
        let (alone, counts) = alone(&panel, params, &setup);
        assert!(closes == alone, "{params:?}");
        assert_eq!(book.finish(Run::default()).reason_counts, counts.reason_counts);
        let whole = run(&panel, params, &setup).unwrap();
        assert!(is_same(&alone, &whole), "{params:?}");
        assert_eq!(whole.reason_counts, counts.reason_counts);
    }
}

#[test]
fn settings_before_selection_are_not_shared() {
    let base = Params::default();
    let changes: [fn(&mut Params); 8] = [
        |p| p.lookback_bars[0] += 1,
        |p| p.lookback_weights[0] += 0.1,
        |p| p.vol_bars += 1,
        |p| p.zscore_clip = 1.0,
        |p| p.redemean = !p.redemean,
        |p| p.age_min_days += 1.0,
        |p| p.universe_exclude = vec!["A".to_owned()],
        |p| p.skip_bars += 1,
    ];
    for change in changes {
        let mut other = base.clone();
        change(&mut other);
        assert!(!Signal::same(&base, &other), "{other:?}");
    }
    let top = Params { universe_top_n: 5, ..Params::default() };
    assert!(!Signal::is_shared(&top));
}
