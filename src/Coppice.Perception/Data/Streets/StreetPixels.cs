using System.Numerics;

namespace Coppice.Perception.Data.Streets;

/// <summary>
/// Which surface each pixel sees: every surface is intersected with the rays of the pixels that it can cover, and the nearest wins.
/// </summary>
/// <remarks>
/// A ray d meets the plane of (P, U, V) at depth z = P.N / d.N with N = U x V, where s = d.(V x P) / d.N and t = d.(P x U) / d.N.
/// Along a row all four are linear in the column, so the columns with 0 &lt;= s, t &lt;= 1 are an interval that five divisions give.
/// </remarks>
internal sealed class StreetPixels
{
    /// <summary>Nearer things are not seen.</summary>
    public const float Near = 0.3f;

    private readonly int[] _stamps;

    public StreetPixels(int width, int height)
    {
        (Width, Height) = (width, height);
        Nearest = new int[width * height];
        _stamps = new int[width * height];
        Depth = new float[width * height];
        X = new float[width * height];
        Y = new float[width * height];
        SunShare = new float[width * height];
    }

    public int Width { get; }

    public int Height { get; }

    /// <summary>Index of the surface that a pixel sees, or -1.</summary>
    public int[] Nearest { get; }

    /// <summary>Metres along the optical axis.</summary>
    public float[] Depth { get; }

    /// <summary>Metres along the surface's U.</summary>
    public float[] X { get; }

    /// <summary>Metres along the surface's V.</summary>
    public float[] Y { get; }

    /// <summary>Factor of the light on the ground; shadows lower it, lamps raise it.</summary>
    public float[] SunShare { get; }

    /// <summary>Draws surfaces from nothing.</summary>
    /// <param name="camera">What they are seen by.</param>
    /// <param name="surfaces">What there is.</param>
    /// <param name="covered">Gets the pixels that each object would cover if nothing hid it.</param>
    /// <param name="offsetX">Shift of the rays within their pixels.</param>
    /// <param name="offsetY">Shift of the rays within their pixels.</param>
    public void Draw(in StreetCamera camera, IReadOnlyList<Surface> surfaces, Span<int> covered, float offsetX = 0, float offsetY = 0)
    {
        Array.Fill(Nearest, -1);
        Array.Fill(_stamps, -1);
        Array.Fill(Depth, float.PositiveInfinity);
        for (int i = 0; i < surfaces.Count; i++)
        {
            Surface surface = surfaces[i];
            if (!Rows(camera, surface.Origin, surface.U, surface.V, out int first, out int last)) continue;
            var plane = new Plane(camera, surface.Origin, surface.U, surface.V, offsetX, offsetY);
            for (int row = first; row <= last; row++) DrawRow(plane, surface, i, row, covered);
        }
    }

    /// <summary>Lets a shadow or a light fall on the ground that is seen.</summary>
    public void Cast(in StreetCamera camera, IReadOnlyList<Surface> surfaces, in GroundLight light)
    {
        if (!Rows(camera, light.Origin, light.U, light.V, out int first, out int last)) return;
        var plane = new Plane(camera, light.Origin, light.U, light.V, 0, 0);
        for (int row = first; row <= last; row++)
        {
            if (!plane.Columns(row, Width, out int left, out int right, out Span3 at)) continue;
            for (int x = left, pixel = row * Width + left; x <= right; x++, pixel++, at.Step())
            {
                int nearest = Nearest[pixel];
                if (nearest < 0 || !surfaces[nearest].IsGround) continue;
                float inverse = 1 / at.Scale;
                SunShare[pixel] = light.On(SunShare[pixel], at.S * inverse, at.T * inverse);
            }
        }
    }

    private void DrawRow(in Plane plane, Surface surface, int index, int row, Span<int> covered)
    {
        if (!plane.Columns(row, Width, out int left, out int right, out Span3 at)) return;
        bool holes = surface.HasHoles;
        int ofObject = surface.Object;
        float width = surface.Width, height = surface.Height;
        for (int column = left, pixel = row * Width + left; column <= right; column++, pixel++, at.Step())
        {
            float inverse = 1 / at.Scale, depth = plane.Distance * inverse;
            bool nearer = depth < Depth[pixel];
            if (!nearer && (ofObject < 0 || _stamps[pixel] == ofObject)) continue;
            float x = Math.Clamp(at.S * inverse, 0, 1) * width, y = Math.Clamp(at.T * inverse, 0, 1) * height;
            if (holes && !surface.Covers(x, y)) continue;
            if (ofObject >= 0 && _stamps[pixel] != ofObject)
            {
                _stamps[pixel] = ofObject;
                covered[ofObject]++;
            }

            if (!nearer) continue;
            (Nearest[pixel], Depth[pixel], X[pixel], Y[pixel]) = (index, depth, x, y);
        }
    }

    /// <summary>The rows that a parallelogram can be seen in; false if none.</summary>
    private bool Rows(in StreetCamera camera, Vector3 origin, Vector3 u, Vector3 v, out int first, out int last)
    {
        ReadOnlySpan<Vector3> corners = [origin, origin + u, origin + u + v, origin + v];
        float top = float.PositiveInfinity, bottom = float.NegativeInfinity, left = float.PositiveInfinity, right = float.NegativeInfinity;
        for (int i = 0; i < 4; i++)
        {
            Vector3 corner = corners[i], next = corners[(i + 1) & 3];
            if (corner.Z >= Near) See(corner, camera);
            if (corner.Z < Near != next.Z < Near) See(Vector3.Lerp(corner, next, (Near - corner.Z) / (next.Z - corner.Z)), camera);
        }

        first = (int)Math.Clamp(MathF.Floor(top - 1), 0, Height);
        last = (int)Math.Clamp(MathF.Ceiling(bottom + 1), -1, Height - 1);
        return first <= last && right >= 0 && left <= Width;

        void See(Vector3 point, in StreetCamera camera)
        {
            float x = camera.Focal * point.X / point.Z + Width * 0.5f, y = camera.Focal * point.Y / point.Z + Height * 0.5f;
            (left, right) = (MathF.Min(left, x), MathF.Max(right, x));
            (top, bottom) = (MathF.Min(top, y), MathF.Max(bottom, y));
        }
    }

    /// <summary>Three numbers that are linear in the column: d.N, d.(V x P) and d.(P x U).</summary>
    private struct Span3
    {
        public float Scale;
        public float S;
        public float T;
        public float ScaleStep;
        public float SStep;
        public float TStep;

        public void Step()
        {
            Scale += ScaleStep;
            S += SStep;
            T += TStep;
        }
    }

    private readonly struct Plane
    {
        private readonly Vector3 _n;
        private readonly Vector3 _s;
        private readonly Vector3 _t;
        private readonly float _focal;
        private readonly float _left;
        private readonly float _top;

        public Plane(in StreetCamera camera, Vector3 origin, Vector3 u, Vector3 v, float offsetX, float offsetY)
        {
            _n = Vector3.Cross(u, v);
            _s = Vector3.Cross(v, origin);
            _t = Vector3.Cross(origin, u);
            Distance = Vector3.Dot(origin, _n);
            if (Distance < 0) (_n, _s, _t, Distance) = (-_n, -_s, -_t, -Distance);
            _focal = camera.Focal;
            _left = 0.5f + offsetX - camera.Width * 0.5f;
            _top = 0.5f + offsetY - camera.Height * 0.5f;
        }

        public float Distance { get; }

        /// <summary>The columns of a row that the parallelogram covers, and the numbers at the first.</summary>
        public bool Columns(int row, int width, out int first, out int last, out Span3 at)
        {
            float dy = (row + _top) / _focal;
            at = default;
            Linear(_n, dy, out float nStep, out float n);
            Linear(_s, dy, out float sStep, out float s);
            Linear(_t, dy, out float tStep, out float t);
            float low = 0, high = width - 1;
            Clip(sStep, s, ref low, ref high);
            Clip(nStep - sStep, n - s, ref low, ref high);
            Clip(tStep, t, ref low, ref high);
            Clip(nStep - tStep, n - t, ref low, ref high);
            Clip(-nStep, Distance / Near - n, ref low, ref high);
            first = (int)MathF.Ceiling(low);
            last = (int)MathF.Floor(high);
            if (!(low <= high) || first > last) return false;
            at = new Span3 { Scale = n + nStep * first, S = s + sStep * first, T = t + tStep * first, ScaleStep = nStep, SStep = sStep, TStep = tStep };
            // A plane seen edge-on has no extent.
            return at.Scale > 1e-9f && n + nStep * last > 1e-9f;
        }

        private void Linear(Vector3 of, float dy, out float step, out float start)
        {
            step = of.X / _focal;
            start = step * _left + of.Y * dy + of.Z;
        }

        /// <summary>Keeps the columns x with step x + start at least 0.</summary>
        private static void Clip(float step, float start, ref float low, ref float high)
        {
            if (step > 0) low = MathF.Max(low, -start / step);
            else if (step < 0) high = MathF.Min(high, -start / step);
            else if (start < 0) high = -1;
        }
    }
}
