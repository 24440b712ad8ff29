BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'New-XsoarServerSetting' {
    It 'has the key of an image and the network as its value' {
        $setting = New-XsoarServerSetting demisto/boto3py3 aws-metadata
        $setting.Key | Should -Be 'python.pass.extra.keys.demisto/boto3py3'
        $setting.Value | Should -Be '--network=aws-metadata'
        $setting.NextStep | Should -BeLike '*/reset_containers*aws-metadata*'
    }

    It 'takes the network from the pipeline, and gives each image its key' {
        $settings = [pscustomobject] @{ Name = 'external' } | New-XsoarServerSetting -Image demisto/chromium, demisto/python3
        $settings.Key | Should -Be 'python.pass.extra.keys.demisto/chromium', 'python.pass.extra.keys.demisto/python3'
        $settings.Value | Should -Be '--network=external', '--network=external'
    }

    It 'joins several options as XSOAR reads them' {
        (New-XsoarServerSetting demisto/chromium external -ExtraKey --memory=2g, --pids-limit=512).Value | Should -Be '--network=external##--memory=2g##--pids-limit=512'
    }

    It 'restricts JavaScript integrations' {
        $setting = New-XsoarServerSetting -JavaScript -RestrictedHost vault.example.com, LOCALHOST
        $setting.Key | Should -Be 'js.http.restricted'
        $setting.Value | Should -Be '169.254.169.254,localhost,127.0.0.1,vault.example.com'
    }

    It 'refuses <What>' -ForEach @(
        @{ What = 'an image with a tag'; Id = 'InvalidImage'; Arguments = @{ Image = 'demisto/python3:3.11'; Network = 'external' } }
        @{ What = 'a second network'; Id = 'InvalidArgument'; Arguments = @{ Image = 'demisto/python3'; Network = 'external'; ExtraKey = '--network=host' } }
        @{ What = 'two options in one'; Id = 'InvalidArgument'; Arguments = @{ Image = 'demisto/python3'; Network = 'external'; ExtraKey = '--memory=1g##--privileged' } }
        @{ What = 'a name that no network has'; Id = 'InvalidName'; Arguments = @{ Image = 'demisto/python3'; Network = 'a b' } }
        @{ What = 'two hosts in one'; Id = 'InvalidArgument'; Arguments = @{ JavaScript = $true; RestrictedHost = 'a,b' } }
    ) {
        { New-XsoarServerSetting @Arguments } | Should -Throw -ErrorId "$Id,*"
    }
}
