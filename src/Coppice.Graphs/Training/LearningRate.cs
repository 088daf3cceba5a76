namespace Coppice.Graphs.Training;

/// <summary>How the learning rate falls after its warm-up.</summary>
public enum LearningRateShape
{
    /// <summary>Not at all.</summary>
    Constant,

    /// <summary>Along half a cosine.</summary>
    Cosine,

    /// <summary>In a straight line.</summary>
    Linear,

    /// <summary>Like (1 - t)^0.9, as segmentation networks are trained.</summary>
    Polynomial,
}

/// <summary>The learning rate of each step: a linear rise from 0, then a fall to a part of the peak.</summary>
public sealed record LearningRate
{
    /// <summary>The highest rate.</summary>
    public float Peak { get; init; } = 1e-3f;

    /// <summary>Steps of the rise.</summary>
    public long WarmupSteps { get; init; }

    /// <summary>All steps, the rise included.</summary>
    public long Steps { get; init; } = 1;

    /// <summary>The last rate as a part of the peak.</summary>
    public float Floor { get; init; }

    /// <summary>How it falls.</summary>
    public LearningRateShape Shape { get; init; } = LearningRateShape.Cosine;

    /// <summary>The rate of a step.</summary>
    /// <param name="step">Number of the step, from 1.</param>
    public float At(long step)
    {
        if (step <= WarmupSteps) return Peak * step / WarmupSteps;
        double along = Math.Clamp((double)(step - WarmupSteps) / Math.Max(1, Steps - WarmupSteps), 0, 1);
        double left = Shape switch
        {
            LearningRateShape.Cosine => (1 + Math.Cos(Math.PI * along)) / 2,
            LearningRateShape.Linear => 1 - along,
            LearningRateShape.Polynomial => Math.Pow(1 - along, 0.9),
            _ => 1,
        };
        return (float)(Peak * (Floor + ((1 - Floor) * left)));
    }
}
