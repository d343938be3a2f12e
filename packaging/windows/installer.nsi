; The installer for Windows. packaging/run defines VERSION, PROGRAMS (a folder) and OUTPUT.
; It installs for the user who runs it, so it needs no administrator: makensis -DVERSION=… -DPROGRAMS=… -DOUTPUT=… installer.nsi
; Silently: privicore-monitor-setup.exe /S [/D=C:\folder]; uninstall.exe /S

Unicode true
ManifestDPIAware true
SetCompressor /SOLID lzma
RequestExecutionLevel user

!include MUI2.nsh
!include FileFunc.nsh

!define NAME "Privicore Monitor"
!define KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\PrivicoreMonitor"

Name "${NAME}"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\Privicore Monitor"
; An update goes where the program was installed before.
InstallDirRegKey HKCU "${KEY}" InstallLocation
BrandingText "${NAME} ${VERSION}"
VIProductVersion "${VERSION}.0"
VIAddVersionKey ProductName "${NAME}"
VIAddVersionKey FileDescription "${NAME}"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey LegalCopyright "MIT OR Apache-2.0"

!define MUI_ICON "${PROGRAMS}\privicore-monitor.ico"
!define MUI_UNICON "${PROGRAMS}\privicore-monitor.ico"
!define MUI_FINISHPAGE_RUN "$INSTDIR\privicore-monitor.exe"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE English

Section
    SetOutPath "$INSTDIR"
    ; A program that runs can't be replaced.
    ClearErrors
    File "${PROGRAMS}\privicore-monitor.exe"
    IfErrors 0 +3
        MessageBox MB_OK|MB_ICONSTOP "${NAME} is running. Close it, then run this again." /SD IDOK
        Abort
    File "${PROGRAMS}\privicore-monitor.com"
    File "${PROGRAMS}\privicore-sandbox.exe"
    File "${PROGRAMS}\privicore-monitor.ico"
    File "${PROGRAMS}\LICENSE.txt"
    File "${PROGRAMS}\LICENSE-MIT.txt"
    File "${PROGRAMS}\LICENSE-APACHE.txt"
    WriteUninstaller "$INSTDIR\uninstall.exe"

    CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\privicore-monitor.exe" "" "$INSTDIR\privicore-monitor.ico"
    CreateShortcut "$SMPROGRAMS\${NAME} (sandbox).lnk" "$INSTDIR\privicore-monitor.exe" "--sandbox" "$INSTDIR\privicore-monitor.ico"

    WriteRegStr HKCU "${KEY}" DisplayName "${NAME}"
    WriteRegStr HKCU "${KEY}" DisplayVersion "${VERSION}"
    WriteRegStr HKCU "${KEY}" Publisher "The Privicore Monitor authors"
    WriteRegStr HKCU "${KEY}" DisplayIcon "$INSTDIR\privicore-monitor.ico"
    WriteRegStr HKCU "${KEY}" InstallLocation "$INSTDIR"
    WriteRegStr HKCU "${KEY}" UninstallString '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKCU "${KEY}" QuietUninstallString '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKCU "${KEY}" NoModify 1
    WriteRegDWORD HKCU "${KEY}" NoRepair 1
    ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
    WriteRegDWORD HKCU "${KEY}" EstimatedSize $0
SectionEnd

; Settings, the journal and the keyring's entries belong to the operator and stay.
Section Uninstall
    ClearErrors
    Delete "$INSTDIR\privicore-monitor.exe"
    IfErrors 0 +3
        MessageBox MB_OK|MB_ICONSTOP "${NAME} is running. Close it, then run this again." /SD IDOK
        Abort
    Delete "$INSTDIR\privicore-monitor.com"
    Delete "$INSTDIR\privicore-sandbox.exe"
    Delete "$INSTDIR\privicore-monitor.ico"
    Delete "$INSTDIR\LICENSE.txt"
    Delete "$INSTDIR\LICENSE-MIT.txt"
    Delete "$INSTDIR\LICENSE-APACHE.txt"
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR"
    Delete "$SMPROGRAMS\${NAME}.lnk"
    Delete "$SMPROGRAMS\${NAME} (sandbox).lnk"
    DeleteRegKey HKCU "${KEY}"
SectionEnd
