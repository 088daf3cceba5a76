namespace Coppice.Training.Puzzles;

/// <summary>An exact fraction in lowest terms, its denominator positive. Small: numbers of puzzles stay far from 64 bits.</summary>
internal readonly record struct Rational
{
    public Rational(long numerator, long denominator = 1)
    {
        ArgumentOutOfRangeException.ThrowIfZero(denominator);
        long divisor = Gcd(Math.Abs(numerator), Math.Abs(denominator));
        if (denominator < 0) divisor = -divisor;
        Numerator = numerator / divisor;
        Denominator = denominator / divisor;
    }

    public long Numerator { get; }

    public long Denominator { get; }

    public static Rational operator +(Rational a, Rational b) =>
        checked(new((a.Numerator * b.Denominator) + (b.Numerator * a.Denominator), a.Denominator * b.Denominator));

    public static Rational operator -(Rational a, Rational b) =>
        checked(new((a.Numerator * b.Denominator) - (b.Numerator * a.Denominator), a.Denominator * b.Denominator));

    public static Rational operator *(Rational a, Rational b) => checked(new(a.Numerator * b.Numerator, a.Denominator * b.Denominator));

    public static Rational operator /(Rational a, Rational b) => checked(new(a.Numerator * b.Denominator, a.Denominator * b.Numerator));

    public override string ToString() => Denominator == 1 ? $"{Numerator}" : $"{Numerator}/{Denominator}";

    private static long Gcd(long a, long b)
    {
        while (b != 0) (a, b) = (b, a % b);
        return a == 0 ? 1 : a;
    }
}
