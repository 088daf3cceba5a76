@echo off
rem Runs the coppice command from this checkout; builds it first when a source is newer than the last build.
setlocal
set "COPPICE_ROOT=%~dp0"
set "COPPICE_OUT=%COPPICE_ROOT%artifacts\bin\Coppice.Cli\release"

where dotnet >nul 2>nul
if errorlevel 1 (
    echo coppice: the .NET SDK 10 is needed and 'dotnet' is not on the PATH; get it at https://dotnet.microsoft.com/download 1>&2
    exit /b 1
)

powershell -NoProfile -Command "$s = Join-Path $env:COPPICE_OUT '.built'; $d = Join-Path $env:COPPICE_OUT 'Coppice.Cli.dll'; if (-not (Test-Path $s) -or -not (Test-Path $d)) { exit 1 }; $t = (Get-Item -Force $s).LastWriteTimeUtc; $r = $env:COPPICE_ROOT; $n = Get-ChildItem -Recurse (Join-Path $r 'src'), (Join-Path $r 'Directory.*'), (Join-Path $r 'global.json') | Where-Object { $_.LastWriteTimeUtc -gt $t } | Select-Object -First 1; if ($n) { exit 1 }"
if not errorlevel 1 goto run

echo building coppice... 1>&2
if not exist "%COPPICE_OUT%" mkdir "%COPPICE_OUT%"
set "DOTNET_CLI_TELEMETRY_OPTOUT=1"
set "DOTNET_NOLOGO=1"
dotnet build "%COPPICE_ROOT%src\Coppice.Cli\Coppice.Cli.csproj" -c Release -v quiet -nologo <nul >"%COPPICE_OUT%\build.log" 2>&1
if errorlevel 1 (
    type "%COPPICE_OUT%\build.log" 1>&2
    echo coppice: the build failed 1>&2
    exit /b 1
)
type nul > "%COPPICE_OUT%\.built"

:run
dotnet "%COPPICE_OUT%\Coppice.Cli.dll" %*
exit /b %errorlevel%
