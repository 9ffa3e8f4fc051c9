//! Many configurations over one panel: workers run the batches, this thread listens meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::KernelError;
use xsmom_kernel::panel::Panel;
use xsmom_kernel::simulate::strategy::{Contracts, Setup};
use xsmom_kernel::sweep::{Control, Days, Outcome, Trial, check_trials, plan_batches, run_batch};

use crate::arrays::SimulatedPanel;
use crate::enter::enter;
use crate::params::PyParams;
use crate::simulate::{CostFields, read_tiers, read_timing};

/// How often the calling thread looks for a signal and tells how far the work is.
const WAKE: Duration = Duration::from_millis(50);

/// Costs, fill price, delay, cash, maintenance rate and tiers, as a tuple.
type SetupFields = (CostFields, String, usize, f64, f64, Option<Vec<Vec<(f64, f64)>>>);
type Done = (usize, Result<Option<Vec<Outcome>>, KernelError>);

/// Run many configurations over one panel; Ctrl-C gives back what is done.
#[pyfunction]
#[pyo3(signature = (panel, params, setups, setup_of, *, contracts=None, threads=1, daily_returns=false, progress=None))]
pub(crate) fn sweep<'py>(
    py: Python<'py>,
    panel: &Bound<'py, PyAny>,
    params: Vec<Py<PyParams>>,
    setups: Vec<SetupFields>,
    setup_of: Vec<usize>,
    contracts: Option<(Vec<f64>, Vec<f64>)>,
    threads: usize,
    daily_returns: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let panel = SimulatedPanel::read(panel)?;
    let view = panel.view()?;
    if setup_of.len() != params.len() || setup_of.iter().any(|place| *place >= setups.len()) {
        let text = format!("setup_of wants {} places in the list of setups", params.len());
        return Err(PyValueError::new_err(text));
    }
    let setups = setups
        .iter()
        .map(|fields| read_setup(fields, contracts.as_ref()))
        .collect::<PyResult<Vec<_>>>()?;
    let pairs = params.iter().zip(&setup_of);
    let trials: Vec<Trial<'_>> = pairs
        .map(|(params, place)| Trial { params: &params.get().inner, setup: &setups[*place] })
        .collect();
    let work = Work { panel: &view, trials: &trials, threads: threads.max(1), daily_returns };
    let mut ending = Ending::Whole;
    let (days, outcomes) = enter(py, || work.run(progress.as_ref(), &mut ending))?;
    if let Ending::Failed(error) = ending {
        return Err(error);
    }
    let dict = give(py, &days, &outcomes, daily_returns)?;
    dict.set_item("interrupted", matches!(ending, Ending::Interrupted))?;
    Ok(dict)
}

fn read_setup(fields: &SetupFields, contracts: Option<&(Vec<f64>, Vec<f64>)>) -> PyResult<Setup> {
    let (costs, fill_at, delay_bars, cash_usdt, maintenance_frac, tiers) = fields;
    Ok(Setup {
        costs: costs.read(),
        timing: read_timing(fill_at, *delay_bars)?,
        cash_usdt: *cash_usdt,
        contracts: contracts.map(|(qty_step, notional_usdt_min)| Contracts {
            qty_step: qty_step.clone(),
            notional_usdt_min: notional_usdt_min.clone(),
        }),
        maintenance_frac: *maintenance_frac,
        tiers: read_tiers(tiers.as_deref())?,
        keep_fills: false,
        keep_trips: false,
        keep_units: false,
    })
}

/// How a sweep ended.
enum Ending {
    Whole,
    Interrupted,
    Failed(PyErr),
}

struct Work<'a> {
    panel: &'a Panel<'a>,
    trials: &'a [Trial<'a>],
    threads: usize,
    daily_returns: bool,
}

impl Work<'_> {
    fn run(
        &self,
        progress: Option<&Py<PyAny>>,
        ending: &mut Ending,
    ) -> Result<(Days, Vec<Option<Outcome>>), KernelError> {
        check_trials(self.panel, self.trials)?;
        let days = Days::of(self.panel);
        let batches = plan_batches(self.trials, self.threads);
        let (control, next) = (Control::default(), AtomicUsize::new(0));
        let mut outcomes = vec![None; self.trials.len()];
        let failure = std::thread::scope(|scope| {
            let (tell, told) = channel();
            for _ in 0..self.threads.min(batches.len()) {
                let tell = tell.clone();
                scope.spawn(|| self.take_batches(&batches, &next, &days, &control, tell));
            }
            drop(tell);
            self.listen(&told, &batches, &control, progress, ending, &mut outcomes)
        });
        failure.map_or(Ok((days, outcomes)), Err)
    }

    /// One worker: the next batch, until there is none.
    fn take_batches(
        &self,
        batches: &[Vec<usize>],
        next: &AtomicUsize,
        days: &Days,
        control: &Control,
        tell: Sender<Done>,
    ) {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(places) = batches.get(number) else { return };
            if control.stopped() {
                return;
            }
            let trials: Vec<_> = places.iter().map(|place| self.trials[*place]).collect();
            let done = run_batch(self.panel, &trials, days, control, self.daily_returns);
            // Nobody listens any more only after a panic, which the scope hands on.
            let _ = tell.send((number, done));
        }
    }

    /// Gather the batches as they come, and look up every 50 ms.
    fn listen(
        &self,
        told: &Receiver<Done>,
        batches: &[Vec<usize>],
        control: &Control,
        progress: Option<&Py<PyAny>>,
        ending: &mut Ending,
        outcomes: &mut [Option<Outcome>],
    ) -> Option<KernelError> {
        let mut failure = None;
        loop {
            match told.recv_timeout(WAKE) {
                Ok((number, Ok(Some(found)))) => {
                    for (place, outcome) in batches[number].iter().zip(found) {
                        outcomes[*place] = Some(outcome);
                    }
                }
                Ok((_, Ok(None))) => {}
                Ok((_, Err(error))) => {
                    control.stop();
                    failure.get_or_insert(error);
                }
                Err(RecvTimeoutError::Timeout) => self.look_up(control, progress, ending),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if matches!(ending, Ending::Whole) {
            self.look_up(control, progress, ending);
        }
        failure
    }

    /// Signals and progress; whatever Python raises ends the sweep.
    fn look_up(&self, control: &Control, progress: Option<&Py<PyAny>>, ending: &mut Ending) {
        let bars = self.panel.rows as u64;
        let heard = Python::attach(|py| -> PyResult<()> {
            py.check_signals()?;
            if let (Some(progress), false) = (progress, control.stopped()) {
                progress.call1(py, (control.bars() / bars, self.trials.len()))?;
            }
            Ok(())
        });
        let Err(error) = heard else { return };
        control.stop();
        let interrupted = Python::attach(|py| error.is_instance_of::<PyKeyboardInterrupt>(py));
        match ending {
            Ending::Failed(_) => {}
            _ if interrupted => *ending = Ending::Interrupted,
            _ => *ending = Ending::Failed(error),
        }
    }
}

/// Columns over all configurations; of those that are not done, NaN and 0.
fn give<'py>(
    py: Python<'py>,
    days: &Days,
    outcomes: &[Option<Outcome>],
    daily: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let done: Vec<bool> = outcomes.iter().map(Option::is_some).collect();
    dict.set_item("done", done.into_pyarray(py))?;
    for (name, read) in FLOATS {
        let values = outcomes.iter().map(|found| found.as_ref().map_or(f64::NAN, read));
        dict.set_item(name, values.collect::<Vec<_>>().into_pyarray(py))?;
    }
    for (name, read) in INTS {
        let values = outcomes.iter().map(|found| found.as_ref().map_or(0, read));
        dict.set_item(name, values.collect::<Vec<_>>().into_pyarray(py))?;
    }
    dict.set_item("day", PyArray1::from_slice(py, &days.number))?;
    if daily {
        let mut rows = Vec::with_capacity(outcomes.len() * days.number.len());
        for found in outcomes {
            match found {
                Some(found) => rows.extend_from_slice(&found.daily),
                None => rows.resize(rows.len() + days.number.len(), f64::NAN),
            }
        }
        let shape = [outcomes.len(), days.number.len()];
        dict.set_item("daily_returns", rows.into_pyarray(py).reshape(shape)?)?;
    }
    Ok(dict)
}

type ReadFloat = fn(&Outcome) -> f64;
type ReadInt = fn(&Outcome) -> i64;

const FLOATS: [(&str, ReadFloat); 24] = [
    ("mean", |found| found.metrics.mean),
    ("std", |found| found.metrics.std),
    ("sharpe", |found| found.metrics.sharpe),
    ("sortino", |found| found.metrics.sortino),
    ("volatility_ann", |found| found.metrics.volatility_ann),
    ("total_return", |found| found.metrics.total_return),
    ("cagr", |found| found.metrics.cagr),
    ("max_drawdown", |found| found.metrics.max_drawdown),
    ("calmar", |found| found.metrics.calmar),
    ("ulcer", |found| found.metrics.ulcer),
    ("skew", |found| found.metrics.skew),
    ("kurtosis", |found| found.metrics.kurtosis),
    ("hit_rate", |found| found.metrics.hit_rate),
    ("psr_2012", |found| found.psr[0]),
    ("psr_2025", |found| found.psr[1]),
    ("equity_usdt", |found| found.equity_usdt),
    ("equity_mean_usdt", |found| found.equity_mean_usdt),
    ("gross_mean_frac", |found| found.gross_mean_frac),
    ("net_mean_frac", |found| found.net_mean_frac),
    ("fee_usdt", |found| found.costs.fee_usdt),
    ("spread_usdt", |found| found.costs.spread_usdt),
    ("impact_usdt", |found| found.costs.impact_usdt),
    ("funding_usdt", |found| found.costs.funding_usdt),
    ("traded_usdt", |found| found.costs.traded_usdt),
];

/// A bar that never came is −1.
const INTS: [(&str, ReadInt); 7] = [
    ("days", |found| found.metrics.n as i64),
    ("trades", |found| found.trips as i64),
    ("fills", |found| found.fills as i64),
    ("decisions", |found| found.decisions as i64),
    ("guarded_bars", |found| found.guarded_bars as i64),
    ("bankrupt_at", |found| found.bankrupt_at.map_or(-1, |bar| bar as i64)),
    ("liquidated_at", |found| found.liquidated_at.map_or(-1, |bar| bar as i64)),
];
