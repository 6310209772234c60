//! Means with their confidence intervals.

/// A mean over runs, with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Half of the interval's width (Student 1908). `None` for fewer than two values.
    pub half: Option<f64>,
    /// The number of values.
    pub count: usize,
}

/// The two-sided 95 % quantiles of Student's t, from 1 degree of freedom. Beyond them the normal distribution applies.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];
const NORMAL: f64 = 1.960;

impl Mean {
    /// The mean of values. `None` if there are no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Mean> {
        let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let half = (count > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let deviation = (squares / (count - 1) as f64).sqrt();
            STUDENT.get(count - 2).copied().unwrap_or(NORMAL) * deviation / (count as f64).sqrt()
        });
        Some(Mean { mean, half, count })
    }

    /// The ends of the interval. Both are the mean if there is no interval.
    pub fn interval(&self) -> (f64, f64) {
        let half = self.half.unwrap_or(0.0);
        (self.mean - half, self.mean + half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_confidence_interval_is_students() {
        let mean = Mean::of([1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!((mean.mean, mean.count), (3.0, 5));
        // t(4) = 2.776, s = 1.5811, √5 = 2.2361.
        assert!((mean.half.unwrap() - 1.9629).abs() < 1e-3, "{mean:?}");
        assert_eq!(Mean::of([7.0]).unwrap().half, None);
        assert_eq!(Mean::of([f64::NAN]), None);
    }
}
